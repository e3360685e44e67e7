//! What is true of this engine alone. What is true of every engine is in `conformance`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use chrono::DateTime;
use uuid::Uuid;

use super::*;
use crate::engine::conformance;
use crate::engine::document::Document;

/// A directory that is removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        Scratch(std::env::temp_dir().join(format!("souk-engine-{}", Uuid::now_v7())))
    }

    fn open(&self) -> EmbeddedEngine {
        // A child that another test is starting has our files, locks too, until it becomes another program.
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            match EmbeddedEngine::open(&self.0) {
                Err(EngineError::InUse(_)) if Instant::now() < until => {
                    thread::sleep(Duration::from_millis(5));
                }
                opened => return opened.unwrap(),
            }
        }
    }

    /// Opened with three products and closed again.
    fn with_index() -> Scratch {
        let scratch = Scratch::new();
        let engine = scratch.open();
        assert_eq!(*engine.opening(), Opening::Created);
        engine.index((1..=3).map(put).collect(), Checkpoint { revision: 3, epoch: 1 }).unwrap();
        scratch
    }

    fn indexes(&self) -> Vec<PathBuf> {
        index_directories(&self.0).unwrap()
    }

    fn check_begins_anew(&self) {
        let engine = self.open();
        assert!(matches!(engine.opening(), Opening::Discarded(_)), "{:?}", engine.opening());
        let stats = engine.stats().unwrap();
        assert_eq!((stats.documents, stats.checkpoint), (0, Checkpoint::default()));
        assert_eq!(self.indexes().len(), 1);
        engine.index(vec![put(1)], Checkpoint { revision: 1, epoch: 1 }).unwrap();
        drop(engine);
        let engine = self.open();
        assert_eq!(*engine.opening(), Opening::Kept);
        assert_eq!(engine.stats().unwrap().documents, 1);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

fn put(number: u128) -> Change {
    Change::Put(Box::new(Document {
        product_id: Uuid::from_u128(number),
        revision: 1,
        title: "lamp".to_owned(),
        description: String::new(),
        attribute_texts: Vec::new(),
        brand_id: None,
        brand: String::new(),
        category_ids: Vec::new(),
        created_at: DateTime::UNIX_EPOCH,
        priced_at: DateTime::UNIX_EPOCH,
        is_tracked: false,
        variants: Vec::new(),
    }))
}

fn file_ending_in(directory: &Path, ending: &str) -> PathBuf {
    let mut files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.to_string_lossy().ends_with(ending)).unwrap()
}

#[test]
fn conforms() {
    let scratch = Scratch::new();
    conformance::suite(|name| Box::new(EmbeddedEngine::open(&scratch.0.join(name)).unwrap()));
}

#[test]
fn an_index_of_another_schema_is_discarded() {
    let scratch = Scratch::with_index();
    let meta = scratch.indexes()[0].join("meta.json");
    let hash = schema::Fields::new().hash().unwrap().to_string();
    let text = fs::read_to_string(&meta).unwrap();
    assert!(text.contains(&hash));
    fs::write(&meta, text.replace(&hash, "1")).unwrap();
    scratch.check_begins_anew();
}

#[test]
fn a_damaged_index_is_discarded() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 7] = [
        (".fast", |bytes| bytes.truncate(bytes.len() / 2)),
        (".idx", |bytes| bytes[3] ^= 0xff),
        (".store", |bytes| bytes.fill(0)),
        (".term", |bytes| bytes.clear()),
        (".managed.json", |bytes| bytes.clear()),
        ("meta.json", |bytes| bytes.clear()),
        ("meta.json", |bytes| *bytes = b"{}".to_vec()),
    ];
    for (file, damage) in damages {
        let scratch = Scratch::with_index();
        let path = file_ending_in(&scratch.indexes()[0], file);
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        scratch.check_begins_anew();
    }
}

#[test]
fn a_lost_directory_or_name_is_a_beginning() {
    let scratch = Scratch::with_index();
    fs::remove_dir_all(&scratch.indexes()[0]).unwrap();
    scratch.check_begins_anew();

    let scratch = Scratch::with_index();
    fs::write(scratch.0.join(LIVE), "index-77").unwrap();
    scratch.check_begins_anew();

    let scratch = Scratch::with_index();
    fs::remove_file(scratch.0.join(LIVE)).unwrap();
    let engine = scratch.open();
    assert_eq!(*engine.opening(), Opening::Created);
    assert_eq!(scratch.indexes().len(), 1);
}

#[test]
fn leftovers_of_a_rebuild_are_removed() {
    let scratch = Scratch::with_index();
    let leftover = scratch.0.join(index_name(40));
    fs::create_dir_all(leftover.join("deep")).unwrap();
    let engine = scratch.open();
    assert!(!leftover.exists());
    assert_eq!(engine.stats().unwrap().documents, 3);
    // Its number is not used again: a file of it may still be about.
    let rebuild = engine.rebuild().unwrap();
    assert!(!leftover.exists());
    drop(rebuild);
    assert_eq!(scratch.indexes().len(), 1);
}

#[test]
fn a_directory_is_open_once() {
    let scratch = Scratch::with_index();
    let engine = scratch.open();
    let second = EmbeddedEngine::open(&scratch.0);
    assert!(matches!(second.err(), Some(EngineError::InUse(_))));
    drop(engine);
    scratch.open();
}

#[test]
fn a_swap_removes_the_old_index_once_nobody_reads_it() {
    let scratch = Scratch::with_index();
    let engine = scratch.open();
    let old = scratch.indexes();
    let read = engine.store.live();
    let rebuild = engine.rebuild().unwrap();
    assert_eq!(scratch.indexes().len(), 2);
    rebuild.index((1..=5).map(put).collect(), Checkpoint { revision: 5, epoch: 1 }).unwrap();
    rebuild.swap().unwrap();
    assert_eq!(read.snapshot().searcher.num_docs(), 3);
    drop(read);
    let new = scratch.indexes();
    assert_eq!(new.len(), 1);
    assert_ne!(new, old);
    assert_eq!(engine.stats().unwrap().documents, 5);
}

/// The first of several pages by score.
fn first_lamp() -> Query {
    Query { text: "lamp".to_owned(), limit: 1, ..Query::everything(DateTime::UNIX_EPOCH) }
}

#[test]
fn a_state_expires_some_time_after_its_last_use() {
    let scratch = Scratch::with_index();
    let engine = scratch.open();
    let next = |engine: &EmbeddedEngine| engine.query(&first_lamp()).unwrap().next(1);
    let after = next(&engine);
    let rest = Query { limit: 9, after, ..first_lamp() };
    assert_eq!(engine.query(&rest).unwrap().hits.len(), 2);
    drop(engine);

    let engine = EmbeddedEngine::open_keeping(&scratch.0, Duration::ZERO).unwrap();
    let rest = Query { after: next(&engine), ..rest };
    assert!(matches!(engine.query(&rest), Err(EngineError::Expired)));
}

#[test]
fn an_index_is_removed_once_its_states_have_expired() {
    let scratch = Scratch::with_index();
    let engine = EmbeddedEngine::open_keeping(&scratch.0, Duration::ZERO).unwrap();
    engine.query(&first_lamp()).unwrap();
    let rebuild = engine.rebuild().unwrap();
    rebuild.index(vec![put(1)], Checkpoint { revision: 5, epoch: 1 }).unwrap();
    rebuild.swap().unwrap();
    assert_eq!(scratch.indexes().len(), 2);
    assert_eq!(engine.stats().unwrap().documents, 1);
    assert_eq!(scratch.indexes().len(), 1);
}

#[test]
fn of_more_states_than_are_kept_the_last_used_stay() {
    let scratch = Scratch::with_index();
    let engine = scratch.open();
    let continued = |after| {
        let found = engine.query(&Query { after, ..first_lamp() });
        assert!(found.is_ok() || matches!(found, Err(EngineError::Expired)), "{found:?}");
        found.is_ok()
    };
    let first = engine.query(&first_lamp()).unwrap().next(1);
    assert_eq!(engine.query(&first_lamp()).unwrap().next(1), first, "nothing changed since");
    let afters: Vec<_> = (0..states::MAX_STATES as i64)
        .map(|nth| {
            engine.index(Vec::new(), Checkpoint { revision: 4 + nth, epoch: 1 }).unwrap();
            let next = engine.query(&first_lamp()).unwrap().next(1);
            assert!(continued(first));
            next
        })
        .collect();
    let kept = afters.iter().filter(|after| continued(**after)).count();
    assert_eq!((kept, continued(first)), (states::MAX_STATES - 1, true));
    assert!(!continued(afters[0]));
}

#[test]
fn what_cannot_be_written_changes_nothing() {
    let scratch = Scratch::with_index();
    let engine = scratch.open();
    let index = scratch.indexes()[0].clone();
    let away = scratch.0.join("away");
    fs::rename(&index, &away).unwrap();
    let failed = engine.index(vec![put(9)], Checkpoint { revision: 9, epoch: 1 });
    assert!(matches!(failed, Err(EngineError::Failed { .. })), "{failed:?}");
    assert_eq!(engine.query(&Query::everything(DateTime::UNIX_EPOCH)).unwrap().total, 3);
    fs::rename(&away, &index).unwrap();
    assert_eq!(engine.stats().unwrap().checkpoint, Checkpoint { revision: 3, epoch: 1 });
    engine.index(vec![put(10)], Checkpoint { revision: 10, epoch: 1 }).unwrap();
    let stats = engine.stats().unwrap();
    assert_eq!((stats.documents, stats.checkpoint.revision), (4, 10));
}

#[test]
fn small_commits_are_merged() {
    let scratch = Scratch::new();
    let engine = scratch.open();
    for revision in 1..=100 {
        let changes = vec![put(revision as u128 % 40), put(revision as u128 % 7)];
        engine.index(changes, Checkpoint { revision, epoch: 1 }).unwrap();
    }
    assert_eq!(engine.stats().unwrap().documents, 40);
    let segments = engine.store.live().snapshot().segments.len();
    assert!(segments < 30, "{segments}");
}

/// Where the process that is to be killed writes.
const KILLED_WRITER: &str = "SOUK_TEST_KILLED_WRITER";

/// Not a test but that process: without the variable it does nothing.
#[test]
fn writes_until_killed() {
    let Some(root) = std::env::var_os(KILLED_WRITER) else { return };
    let engine = EmbeddedEngine::open(Path::new(&root)).unwrap();
    for revision in engine.stats().unwrap().checkpoint.revision + 1.. {
        let changes = vec![put(revision as u128), put(1)];
        engine.index(changes, Checkpoint { revision, epoch: 1 }).unwrap();
    }
}

#[test]
fn a_killed_process_loses_no_commit() {
    let scratch = Scratch::new();
    drop(scratch.open());
    let (_, module) = module_path!().split_once("::").unwrap();
    let mut last = 0;
    for round in 0..6 {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("{module}::writes_until_killed")])
            .env(KILLED_WRITER, &scratch.0)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(300 + 17 * round));
        writer.kill().unwrap();
        writer.wait().unwrap();

        let engine = scratch.open();
        assert_eq!(*engine.opening(), Opening::Kept);
        let stats = engine.stats().unwrap();
        assert!(stats.checkpoint.revision >= last, "{last}, then {stats:?}");
        last = stats.checkpoint.revision;
        assert_eq!(stats.documents, last as u64, "as many documents as revisions");
    }
    assert!(last > 0);
}
