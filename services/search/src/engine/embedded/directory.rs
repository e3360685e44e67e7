//! A directory that leaves it to the operating system when to write to the disk.
//!
//! A commit of a few documents would wait for the disk some twenty times, and make PostgreSQL and
//! the broker wait beside it, many times a second: 10 ms become more than 100 when the disk is
//! busy. The index is a cache, and nothing that was acknowledged is lost with it. A crash of the
//! process loses nothing of it either; after a power cut checksums detect damaged files, and the
//! index is built anew.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::TantivyError;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    AntiCallToken, Directory, DirectoryLock, FileHandle, Lock, MmapDirectory, TerminatingWrite,
    WatchCallback, WatchHandle, WritePtr,
};

const BEFORE_RENAMING: &str = "new";

/// A `MmapDirectory` that never waits for the disk.
#[derive(Clone, Debug)]
pub struct CacheDirectory {
    root: PathBuf,
    mapped: MmapDirectory,
}

impl CacheDirectory {
    /// Of a directory that exists.
    pub fn open(root: &Path) -> Result<CacheDirectory, TantivyError> {
        Ok(CacheDirectory { root: root.to_path_buf(), mapped: MmapDirectory::open(root)? })
    }
}

impl Directory for CacheDirectory {
    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let file = File::create_new(self.root.join(path)).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => OpenWriteError::FileAlreadyExists(path.to_path_buf()),
            _ => OpenWriteError::wrap_io_error(error, path.to_path_buf()),
        })?;
        Ok(BufWriter::new(Box::new(CacheFile(file))))
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        let path = self.root.join(path);
        let before_renaming = path.with_added_extension(BEFORE_RENAMING);
        fs::write(&before_renaming, data)?;
        fs::rename(before_renaming, path)
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        self.mapped.get_file_handle(path)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.mapped.delete(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.mapped.exists(path)
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.mapped.atomic_read(path)
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        self.mapped.acquire_lock(lock)
    }

    fn watch(&self, watch_callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.mapped.watch(watch_callback)
    }
}

struct CacheFile(File);

impl Write for CacheFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl TerminatingWrite for CacheFile {
    fn terminate_ref(&mut self, _: AntiCallToken) -> io::Result<()> {
        self.0.flush()
    }
}
