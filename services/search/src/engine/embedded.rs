//! The engine inside the process: tantivy, in a directory of its own.
//!
//! The directory holds one index and a file `live` that names it. A rebuild fills a second index
//! beside it, and a swap is the renaming of that one file. Indexes that `live` does not name are
//! left over from a rebuild that was not finished, and are removed.

// From a document to columns.
mod pack;
mod prices;
mod repeated;
mod schema;
mod terms;

// From a query to hits.
mod columns;
mod facets;
mod matcher;
mod plan;
mod rank;
mod search;
mod states;
mod stock;
mod tally;
mod words;

// On disk.
mod directory;
mod volume;

#[cfg(test)]
mod tests;

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use uuid::Uuid;

use super::hits::Hits;
use super::query::Query;
use super::{Change, Checkpoint, Engine, EngineError, Rebuild, Stats};
use states::{States, View};
use volume::Volume;

/// How long pages can be continued from a state of the index after its last use.
const KEEP: Duration = Duration::from_mins(5);

const LIVE: &str = "live";
const LIVE_BEFORE_RENAMING: &str = "live.new";
const LOCK: &str = "lock";
const INDEX_PREFIX: &str = "index-";

/// The tantivy engine. One process at a time has a directory open.
pub struct EmbeddedEngine {
    store: Arc<Store>,
    opening: Opening,
}

/// What was found when the engine was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// A usable index.
    Kept,
    /// No index.
    Created,
    /// An index that could not be used and was removed, for this reason.
    Discarded(String),
}

struct Store {
    root: PathBuf,
    live: RwLock<Arc<Volume>>,
    states: States,
    /// Held while anything is written to the live index or put in its place. Guards the number of
    /// the next index.
    writing: Mutex<u64>,
    /// Locked as long as it is open.
    _lock: File,
}

impl EmbeddedEngine {
    /// Opens the index in this directory, or begins an empty one if there is none that is intact
    /// and of this binary's schema; then `stats` gives the default checkpoint.
    pub fn open(root: &Path) -> Result<EmbeddedEngine, EngineError> {
        EmbeddedEngine::open_keeping(root, KEEP)
    }

    /// The same, with another time for which a state of the index is kept after its last use.
    pub fn open_keeping(root: &Path, keep: Duration) -> Result<EmbeddedEngine, EngineError> {
        let opening = "open the index directory";
        fs::create_dir_all(root).map_err(EngineError::failed(opening))?;
        let lock = lock(root)?;
        let live = fs::read_to_string(root.join(LIVE));
        let (opened, opening) = match &live {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (None, Opening::Created),
            Err(error) => (None, Opening::Discarded(error.to_string())),
            Ok(name) => match Volume::open(&root.join(name.trim())) {
                Ok(volume) => (Some(volume), Opening::Kept),
                Err(reason) => (None, Opening::Discarded(reason.to_string())),
            },
        };
        let last = newest_number(root).map_err(EngineError::failed("list the indexes"))?;
        let live = match opened {
            Some(volume) => volume,
            None => {
                let name = index_name(last + 1);
                let volume = Volume::create(&root.join(&name))?;
                point_at(root, &name).map_err(EngineError::failed("name the live index"))?;
                volume
            }
        };
        remove_others(root, live.directory()).map_err(EngineError::failed("remove old indexes"))?;
        let store = Store {
            root: root.to_path_buf(),
            live: RwLock::new(Arc::new(live)),
            states: States::new(keep),
            writing: Mutex::new(last + 2),
            _lock: lock,
        };
        Ok(EmbeddedEngine { store: Arc::new(store), opening })
    }

    /// What was found when the engine was opened, for the log.
    pub fn opening(&self) -> &Opening {
        &self.opening
    }
}

impl Engine for EmbeddedEngine {
    fn index(&self, changes: Vec<Change>, upto: Checkpoint) -> Result<(), EngineError> {
        let _writing = self.store.lock_writing();
        self.store.live().apply(changes, upto)
    }

    fn query(&self, query: &Query) -> Result<Hits, EngineError> {
        let states = &self.store.states;
        let view = match query.after.and_then(|after| after.state) {
            Some(id) => states.find(id).ok_or(EngineError::Expired)?,
            None => self.store.view(),
        };
        let mut found = search::search(&view.snapshot, view.volume.fields(), query)?;
        // Whoever shows the page may cut it short, so that another one follows even the last.
        if query.is_by_score() && (found.more || found.hits.len() > 1) {
            found.state = Some(states.keep(&view));
        }
        Ok(found)
    }

    fn rebuild(&self) -> Result<Box<dyn Rebuild>, EngineError> {
        let mut next_number = self.store.lock_writing();
        let name = index_name(*next_number);
        *next_number += 1;
        let volume = Volume::create(&self.store.root.join(&name))?;
        // Until it is swapped in, it is nothing to keep.
        volume.discard();
        let store = Arc::clone(&self.store);
        Ok(Box::new(EmbeddedRebuild { store, name, volume: Arc::new(volume) }))
    }

    /// Drops expired states too: it is asked for regularly, even where nobody searches.
    fn stats(&self) -> Result<Stats, EngineError> {
        self.store.states.drop_expired();
        self.store.live().stats()
    }

    fn inventory(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<(Uuid, i64)>, EngineError> {
        Ok(self.store.live().snapshot().inventory(after, limit))
    }
}

impl Store {
    fn live(&self) -> Arc<Volume> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn view(&self) -> View {
        let volume = self.live();
        View { snapshot: volume.snapshot(), volume }
    }

    fn lock_writing(&self) -> MutexGuard<'_, u64> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct EmbeddedRebuild {
    store: Arc<Store>,
    name: String,
    volume: Arc<Volume>,
}

impl Rebuild for EmbeddedRebuild {
    fn index(&self, changes: Vec<Change>, upto: Checkpoint) -> Result<(), EngineError> {
        self.volume.apply(changes, upto)
    }

    fn stats(&self) -> Result<Stats, EngineError> {
        self.volume.stats()
    }

    fn swap(self: Box<Self>) -> Result<(), EngineError> {
        let writing = self.store.lock_writing();
        let old = self.store.live();
        let rebuilt = self.volume.snapshot().checkpoint;
        let live = old.snapshot().checkpoint;
        if rebuilt.epoch == live.epoch && rebuilt.revision < live.revision {
            return Err(EngineError::Behind { rebuilt: rebuilt.revision, live: live.revision });
        }
        point_at(&self.store.root, &self.name)
            .map_err(EngineError::failed("name the live index"))?;
        self.volume.keep();
        old.discard();
        *self.store.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&self.volume);
        // Dropped only now: removing the old index may wait for a merge, and searches must
        // not wait for that.
        drop(writing);
        drop(old);
        Ok(())
    }
}

fn lock(root: &Path) -> Result<File, EngineError> {
    let doing = "lock the index directory";
    let file = File::create(root.join(LOCK)).map_err(EngineError::failed(doing))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(EngineError::InUse(root.to_path_buf())),
        Err(TryLockError::Error(error)) => Err(EngineError::failed(doing)(error)),
    }
}

/// Names the live index. The file is renamed into place, so it names either the old or the new one.
fn point_at(root: &Path, name: &str) -> io::Result<()> {
    let before_renaming = root.join(LIVE_BEFORE_RENAMING);
    let mut file = File::create(&before_renaming)?;
    file.write_all(name.as_bytes())?;
    file.sync_all()?;
    fs::rename(before_renaming, root.join(LIVE))?;
    File::open(root)?.sync_all()
}

fn index_name(number: u64) -> String {
    format!("{INDEX_PREFIX}{number}")
}

fn index_directories(root: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(root)?.map(|entry| entry.map(|entry| entry.path()));
    let paths: Vec<PathBuf> = paths.collect::<Result<_, _>>()?;
    Ok(paths.into_iter().filter(|path| number_of(path).is_some()).collect())
}

fn number_of(directory: &Path) -> Option<u64> {
    directory.file_name()?.to_str()?.strip_prefix(INDEX_PREFIX)?.parse().ok()
}

fn newest_number(root: &Path) -> io::Result<u64> {
    let numbers = index_directories(root)?.iter().filter_map(|path| number_of(path)).max();
    Ok(numbers.unwrap_or_default())
}

fn remove_others(root: &Path, live: &Path) -> io::Result<()> {
    index_directories(root)?.iter().filter(|path| *path != live).try_for_each(fs::remove_dir_all)
}
