//! What becomes of an event: by its handler, and by the transaction around that.

/// What a handler made of an event.
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

/// What a committed transaction made of an event.
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
