//! Why an event is a dead letter.

use contracts::Kind;
use fault::Fault;

/// Why an event is a dead letter, where its handler did not refuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The binary does not know the type: it is older than the publisher's. A newer one replays it by itself.
    UnknownType,
    /// What the event waited for did not arrive in time.
    TooEarly,
    /// A poison event: the process died each time that the event ran in isolation.
    KillsTheProcess,
    /// The broker delivered it as often as it may, without an acknowledgement.
    GivenUp,
}

impl contracts::Reason for Reason {
    fn kind(self) -> Kind {
        Kind::Refused
    }

    fn name(self) -> &'static str {
        match self {
            Self::UnknownType => "UNKNOWN_TYPE",
            Self::TooEarly => "TOO_EARLY",
            Self::KillsTheProcess => "KILLS_THE_PROCESS",
            Self::GivenUp => "GIVEN_UP",
        }
    }

    fn domain(self) -> &'static str {
        "bus.souk"
    }
}

/// The refusal of a type that is not in this binary's contract.
pub(crate) fn unknown_type(subject: &str) -> Fault {
    Fault::new(Reason::UnknownType, format!("this binary knows no event {subject}"))
}
