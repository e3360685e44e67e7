//! The outcome of an event: of its handler, and of the transaction around it.

/// The outcome of a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its effect is in the transaction, or it has none.
    Done,
    /// It is older than what was handled before, and nothing was done.
    Stale,
    /// It is about something that does not exist here yet. To be returned before anything is written: the handler is called
    /// again under a lock, so that the awaited thing cannot be created in between, and then the event is kept.
    Early {
        /// What it waits for, named as [`Received::apply_early`](super::Received::apply_early) will be called with it: a
        /// product's id.
        awaits: String,
    },
}

impl Outcome {
    /// The event waits for `awaits`.
    pub fn early(awaits: impl Into<String>) -> Self {
        Self::Early { awaits: awaits.into() }
    }
}

/// The outcome of a committed transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Applied,
    Kept,
    Stale,
    Duplicate,
}

/// An event that is too early, and its position among the others.
pub(super) struct Waiting {
    pub awaits: String,
    pub position: usize,
}
