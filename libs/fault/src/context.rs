//! The context of the current work as a task-local: caller, correlation id and deadline. Servers and consumers set it; the database,
//! the outbox and clients read it.

use secrecy::SecretString;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The context of the current work.
#[derive(Debug, Clone)]
pub struct Context {
    /// Which work it is, in metrics and logs: the method, of few values; else `event` or `background`.
    pub work: &'static str,
    /// Common to all work that one request or event causes, across services.
    pub correlation_id: String,
    /// Id of the event that is being handled, if any.
    pub causation_id: Option<String>,
    /// W3C trace context of the work.
    pub traceparent: Option<String>,
    /// Deadline of the work.
    pub deadline: Option<Instant>,
    /// The caller.
    pub caller: Caller,
}

/// The caller on whose behalf the work is done.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Subject of the token; the service's name for its own background work.
    pub subject: String,
    /// The caller's token, to be forwarded to other services; none for background work.
    pub token: Option<SecretString>,
}

tokio::task_local! {
    static CURRENT: Arc<Context>;
}

/// Runs `work` with `context`.
pub async fn scope<F: Future>(context: Context, work: F) -> F::Output {
    CURRENT.scope(Arc::new(context), work).await
}

/// The current context; outside of any a new one, with the caller `souk` and no deadline.
pub fn current() -> Arc<Context> {
    CURRENT.try_with(Arc::clone).unwrap_or_else(|_| Arc::new(Context::of_service("souk")))
}

/// Whether a text may be a correlation or causation id: it goes into logs, events and headers, so only plain characters may be in it.
pub fn is_id(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:/".contains(&b);
    (1..=128).contains(&text.len()) && text.bytes().all(plain)
}

impl Context {
    /// A context for a service's own background work.
    pub fn of_service(name: &str) -> Self {
        Self {
            work: "background",
            correlation_id: uuid::Uuid::now_v7().to_string(),
            causation_id: None,
            traceparent: None,
            deadline: None,
            caller: Caller { subject: name.to_owned(), token: None },
        }
    }

    /// Time until the deadline; none if there is no deadline.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }
}
