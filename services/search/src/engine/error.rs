//! Why an engine refuses or fails.

use std::error::Error;
use std::path::PathBuf;

/// The error of an engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The query breaks a limit; a retry fails in the same way.
    #[error("invalid query: {0}")]
    Invalid(&'static str),
    /// The state of the index that the page is to be answered from is not kept here, or no longer.
    #[error("the state of the index is gone")]
    Expired,
    /// Another process has the index open.
    #[error("the index in {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// The rebuilt index has to catch up before it can be swapped in.
    #[error("the rebuilt index is at revision {rebuilt}, the live one already at {live}")]
    Behind {
        /// The revision of the index that was to be swapped in.
        rebuilt: i64,
        /// The revision of the index that still answers.
        live: i64,
    },
    /// The engine failed; the index is as it was before.
    #[error("{doing}")]
    Failed {
        /// Verb and object.
        doing: &'static str,
        /// What went wrong.
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
}

impl EngineError {
    /// Wraps a cause, naming what was being done: `.map_err(EngineError::failed("commit the
    /// index"))`.
    pub(super) fn failed<E: Into<Box<dyn Error + Send + Sync>>>(
        doing: &'static str,
    ) -> impl FnOnce(E) -> EngineError {
        move |cause| EngineError::Failed { doing, cause: cause.into() }
    }
}
