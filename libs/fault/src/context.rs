//! What is known about the work in progress, kept beside it as a task-local: who asked, under which correlation id, until
//! when. The server stack and the consumers set it; the database, the outbox and the client stack read it.

use secrecy::SecretString;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What is known about the work in progress.
#[derive(Debug, Clone)]
pub struct Context {
    /// Joins everything that one request or event brought about, across services.
    pub correlation_id: String,
    /// The event that is being handled, if it is one.
    pub causation_id: Option<String>,
    /// W3C trace context of the work.
    pub traceparent: Option<String>,
    /// When nobody waits for the result any more.
    pub deadline: Option<Instant>,
    /// Who asked.
    pub caller: Caller,
}

/// Who asked for the work.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Subject of the token; a service's own name where it works by itself.
    pub subject: String,
    /// The user's token as it came, to be passed on; none where a service works by itself.
    pub token: Option<SecretString>,
}

tokio::task_local! {
    static CURRENT: Arc<Context>;
}

/// Does `work` under `context`.
pub async fn scope<F: Future>(context: Context, work: F) -> F::Output {
    CURRENT.scope(Arc::new(context), work).await
}

/// The context of the work in progress; a fresh one, of nobody and without end, outside of any.
pub fn current() -> Arc<Context> {
    CURRENT.try_with(Arc::clone).unwrap_or_else(|_| Arc::new(Context::of_service("souk")))
}

impl Context {
    /// The context of work that a service begins by itself.
    pub fn of_service(name: &str) -> Self {
        Self {
            correlation_id: uuid::Uuid::now_v7().to_string(),
            causation_id: None,
            traceparent: None,
            deadline: None,
            caller: Caller { subject: name.to_owned(), token: None },
        }
    }

    /// Time that is left until the deadline; none where there is no deadline.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }
}
