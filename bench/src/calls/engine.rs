//! The engine of search called in this process, on a copy of the running mesh's index.

use super::drive::{Call, Run, drive};
use super::processes::Processes;
use crate::client::Mesh;
use anyhow::{Context, Result};
use futures::FutureExt;
use search::engine::Engine;
use search::engine::embedded::EmbeddedEngine;
use search::engine::query::Query;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A copy of an index, removed with it.
pub struct Copy {
    engine: Arc<EmbeddedEngine>,
    folder: PathBuf,
}

impl Copy {
    /// Copies the index. A search that is measured changes nothing, so nothing is written meanwhile.
    pub fn open(mesh: &Mesh) -> Result<Self> {
        let data = mesh.variable("SOUK_DATA_DIR").context("no data folder: ./dev up")?;
        let folder = std::env::temp_dir().join(format!("souk-bench-{}", std::process::id()));
        copy(&Path::new(&data).join("search"), &folder)?;
        Ok(Self { engine: Arc::new(EmbeddedEngine::open(&folder)?), folder })
    }

    /// Has as many clients search as of the mesh.
    pub async fn drive(
        &self,
        clients: usize,
        time: Duration,
        processes: &Processes,
        query: Query,
    ) -> Result<Run> {
        let engines = vec![self.engine.clone(); clients];
        let call: Call<Arc<EmbeddedEngine>> = Arc::new(move |engine, _| {
            let query = query.clone();
            async move {
                tokio::task::spawn_blocking(move || engine.query(&query)).await??;
                Ok(())
            }
            .boxed()
        });
        drive(engines, time, processes, call).await
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target)?,
            false => _ = fs::copy(entry.path(), target)?,
        }
    }
    Ok(())
}
