//! One index in one directory: what is written into it and the state that queries read.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use tantivy::index::SegmentId;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, Term};
use uuid::Uuid;

use super::columns::Columns;
use super::directory::CacheDirectory;
use super::pack::pack;
use super::schema::{Fields, tokenizers};
use crate::engine::{Change, Checkpoint, EngineError, Stats};

/// Memory for documents that are not committed yet; past it a segment is written early.
const WRITER_BYTES: usize = 50_000_000;
/// Segments below this size are merged as if they were of one size. Small, because a follower
/// commits a few documents at a time, and a merge is paid for in the time it takes to read all.
const SMALL_SEGMENT_DOCUMENTS: u32 = 1_000;
/// A segment with more deleted documents than this share is merged to be rid of them.
const DELETED_SHARE: f32 = 0.3;

/// An index in a directory.
pub struct Volume {
    directory: PathBuf,
    fields: Fields,
    index: Index,
    reader: IndexReader,
    /// None until the first change and after a failed one, whose uncommitted work is dropped with it.
    writer: Mutex<Option<IndexWriter>>,
    snapshot: RwLock<Arc<Snapshot>>,
    is_discarded: AtomicBool,
}

/// One state of the index.
pub struct Snapshot {
    /// The documents.
    pub searcher: Searcher,
    /// The columns of the searcher's segments, in its order.
    pub segments: Vec<Arc<Columns>>,
    /// How much of the table it holds.
    pub checkpoint: Checkpoint,
}

/// The metadata of a commit.
#[derive(Serialize, Deserialize)]
struct Payload {
    schema: u64,
    #[serde(flatten)]
    checkpoint: Checkpoint,
}

/// Why a directory holds no index that can be used.
type Unusable = Box<dyn std::error::Error + Send + Sync>;

impl Volume {
    /// Makes an empty index in a directory that does not exist yet.
    pub fn create(directory: &Path) -> Result<Volume, EngineError> {
        let create = || -> Result<Volume, Unusable> {
            fs::create_dir_all(directory)?;
            let fields = Fields::new();
            let index = Index::builder()
                .schema(fields.schema.clone())
                .tokenizers(tokenizers())
                .open_or_create(CacheDirectory::open(directory)?)?;
            let volume = Volume::new(directory, fields, index)?;
            volume.commit(Vec::new(), Checkpoint::default())?;
            Ok(volume)
        };
        create().map_err(EngineError::failed("create an index"))
    }

    /// Opens the index that a directory holds, if it is intact and of this binary's schema.
    pub fn open(directory: &Path) -> Result<Volume, Unusable> {
        let mut index = Index::open(CacheDirectory::open(directory)?)?;
        index.set_tokenizers(tokenizers());
        let damaged = index.validate_checksum()?;
        if !damaged.is_empty() {
            return Err(format!("damaged files: {damaged:?}").into());
        }
        Volume::new(directory, Fields::new(), index)
    }

    fn new(directory: &Path, fields: Fields, index: Index) -> Result<Volume, Unusable> {
        let checkpoint = match index.load_metas()?.payload {
            None => Checkpoint::default(),
            Some(payload) => {
                let payload: Payload = serde_json::from_str(&payload)?;
                if payload.schema != fields.hash()? {
                    return Err("another schema".into());
                }
                payload.checkpoint
            }
        };
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let snapshot = Snapshot::of(&reader, checkpoint, None)?;
        Ok(Volume {
            directory: directory.to_path_buf(),
            fields,
            index,
            reader,
            writer: Mutex::new(None),
            snapshot: RwLock::new(Arc::new(snapshot)),
            is_discarded: AtomicBool::new(false),
        })
    }

    /// The fields of the index.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The latest state.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Applies the changes and shows them to the queries that begin from now on.
    pub fn apply(&self, changes: Vec<Change>, upto: Checkpoint) -> Result<(), EngineError> {
        self.commit(changes, upto).map_err(EngineError::failed("index the changes"))
    }

    fn commit(&self, changes: Vec<Change>, upto: Checkpoint) -> Result<(), Unusable> {
        let mut writer = self.lock_writer();
        // Taken out, so that whatever fails below drops it with all that is not committed.
        let mut taken = match writer.take() {
            Some(taken) => taken,
            None => self.new_writer()?,
        };
        for change in changes {
            let (product_id, document) = match change {
                Change::Put(document) => (document.product_id, Some(document)),
                Change::Remove(product_id) => (product_id, None),
            };
            taken.delete_term(self.key(product_id));
            if let Some(document) = document {
                taken.add_document(pack(&self.fields, &document))?;
            }
        }
        let payload = Payload { schema: self.fields.hash()?, checkpoint: upto };
        let mut commit = taken.prepare_commit()?;
        commit.set_payload(&serde_json::to_string(&payload)?);
        commit.commit()?;
        *writer = Some(taken);
        self.reader.reload()?;
        let snapshot = Snapshot::of(&self.reader, upto, Some(&self.snapshot()))?;
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
        Ok(())
    }

    fn key(&self, product_id: Uuid) -> Term {
        Term::from_field_bytes(self.fields.product_key, product_id.as_bytes())
    }

    fn new_writer(&self) -> Result<IndexWriter, tantivy::TantivyError> {
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .num_merge_threads(1)
            .memory_budget_per_thread(WRITER_BYTES)
            .build();
        let writer: IndexWriter<TantivyDocument> = self.index.writer_with_options(options)?;
        let mut merge_policy = LogMergePolicy::default();
        merge_policy.set_min_layer_size(SMALL_SEGMENT_DOCUMENTS);
        merge_policy.set_del_docs_ratio_before_merge(DELETED_SHARE);
        writer.set_merge_policy(Box::new(merge_policy));
        Ok(writer)
    }

    fn lock_writer(&self) -> MutexGuard<'_, Option<IndexWriter>> {
        // A thread that panicked had taken the writer out, so no partial change is left.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the latest state holds.
    pub fn stats(&self) -> Result<Stats, EngineError> {
        let snapshot = self.snapshot();
        let bytes = bytes_in(&self.directory).map_err(EngineError::failed("measure the index"))?;
        Ok(Stats {
            documents: snapshot.searcher.num_docs(),
            checkpoint: snapshot.checkpoint,
            bytes,
        })
    }

    /// Where the index is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Takes `discard` back.
    pub fn keep(&self) {
        self.is_discarded.store(false, Ordering::Relaxed);
    }

    /// Has the directory removed as soon as the index is no longer used.
    pub fn discard(&self) {
        self.is_discarded.store(true, Ordering::Relaxed);
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        if self.is_discarded.load(Ordering::Relaxed) {
            if let Some(writer) = self.lock_writer().take() {
                // A merge that is still running would put its files back.
                _ = writer.wait_merging_threads();
            }
            // What cannot be removed now is removed when the engine is opened again.
            _ = fs::remove_dir_all(&self.directory);
        }
    }
}

impl Snapshot {
    fn of(
        reader: &IndexReader,
        checkpoint: Checkpoint,
        previous: Option<&Snapshot>,
    ) -> Result<Snapshot, tantivy::TantivyError> {
        let searcher = reader.searcher();
        // Segments never change but for their deletions, so their columns can be kept.
        let known: HashMap<SegmentId, &Arc<Columns>> = previous
            .into_iter()
            .flat_map(|it| it.searcher.segment_readers().iter().zip(&it.segments))
            .map(|(segment, columns)| (segment.segment_id(), columns))
            .collect();
        let segments = searcher.segment_readers().iter().map(|segment| {
            match known.get(&segment.segment_id()) {
                Some(columns) => Ok(Arc::clone(columns)),
                None => Columns::open(segment).map(Arc::new),
            }
        });
        Ok(Snapshot { segments: segments.collect::<Result<_, _>>()?, searcher, checkpoint })
    }

    /// The first `limit` products above an id with their revisions, by product id. It goes through all of them, but never
    /// keeps more than twice the limit.
    pub fn inventory(&self, after: Option<Uuid>, limit: usize) -> Vec<(Uuid, i64)> {
        let mut lowest: Vec<(Uuid, i64)> = Vec::new();
        for (segment, columns) in self.searcher.segment_readers().iter().zip(&self.segments) {
            for doc in segment.doc_ids_alive() {
                let product = columns.product.get(doc, 0);
                if Some(product) <= after {
                    continue;
                }
                lowest.push((product, columns.revision.first(doc).unwrap_or_default()));
                if limit > 0 && lowest.len() >= 2 * limit {
                    lowest.select_nth_unstable(limit - 1);
                    lowest.truncate(limit);
                }
            }
        }
        lowest.sort_unstable();
        lowest.truncate(limit);
        lowest
    }
}

fn bytes_in(directory: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        match entry?.metadata() {
            Ok(metadata) => bytes += metadata.len(),
            // A merge that ended meanwhile removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}
