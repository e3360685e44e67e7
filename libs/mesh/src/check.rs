//! Something that a service needs.

use futures::future::BoxFuture;
use std::error::Error;
use std::sync::Arc;

pub(crate) type Cause = Box<dyn Error + Send + Sync>;
pub(crate) type Probe = Arc<dyn Fn() -> BoxFuture<'static, Result<(), Cause>> + Send + Sync>;

/// Something that a service needs.
#[derive(Clone)]
pub struct Check {
    pub(crate) name: &'static str,
    pub(crate) hard: bool,
    pub(crate) probe: Probe,
}

impl Check {
    /// Without it the service cannot work at all: its own PostgreSQL, its migrations, its filled index.
    pub fn hard<P, F, E>(name: &'static str, probe: P) -> Self
    where
        P: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Cause>,
    {
        let probe = Arc::new(move || -> BoxFuture<'static, Result<(), Cause>> {
            let outcome = probe();
            Box::pin(async move { outcome.await.map_err(Into::into) })
        });
        Self { name, hard: true, probe }
    }

    /// Without it the service is degraded: NATS, Redis.
    pub fn soft<P, F, E>(name: &'static str, probe: P) -> Self
    where
        P: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Cause>,
    {
        Self { hard: false, ..Self::hard(name, probe) }
    }
}
