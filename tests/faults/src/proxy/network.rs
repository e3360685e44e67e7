//! What a proxy does to the connections through it.

use std::time::Duration;

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Passes everything at once.
    Passes,
    /// Passes everything later, by a time between the two.
    Delays(Duration, Duration),
    /// Resets every connection, new ones too.
    Refuses,
    /// Reads everything and passes nothing; connections stay open and new ones are accepted.
    Drops,
    /// Drops what the clients send and passes what the server sends.
    DropsRequests,
    /// Passes what the clients send and drops what the server sends.
    DropsAnswers,
    /// Resets a connection after it has passed so many bytes from now on, in both directions together.
    CutsAfter(u64),
}

/// What all connections of a proxy follow.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    pub network: Network,
    /// How often the open connections were made half-open.
    pub half_opened: u64,
}
