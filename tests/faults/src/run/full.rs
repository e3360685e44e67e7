//! The names of the full runs.

use clap::ValueEnum;

/// The full runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Full {
    /// The outbox while relays, writers and the servers are killed.
    B01,
    /// A process dies, fails or waits at each point of the path of an event.
    B02,
    /// Transactions that overlap, stay open and are rolled back.
    B03,
    /// A broker that is away for longer than it knows ids.
    B04,
    /// Consumers that are killed all the time.
    B07,
    /// Events that no handler can take.
    B08,
    /// Events that come repeatedly and in any order.
    B09,
    /// The relay's lead goes from process to process.
    B11,
    /// No more room, by the broker's quota or on its disk.
    B13,
    /// Stored events that are damaged.
    B33,
    /// A broker that loses all that it had.
    Lost,
    /// Links that are bad in every way.
    Network,
}
