//! Why no connection was to be had. One that all connections are in use is told from one that the server cannot be reached: the first
//! passes by itself and calls for fewer calls, the second for an operator.

use deadpool::managed::{PoolError, TimeoutType};
use diesel::ConnectionError;
use fault::{Common, Fault};
use std::time::Duration;
use tokio_postgres::error::SqlState;

/// When the caller may try again where every connection is in use.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Why a connection was not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotOpened {
    #[error("every connection of the service or of the process is in use")]
    BudgetSpent,
    #[error(transparent)]
    Refused(#[from] tokio_postgres::Error),
    #[error(transparent)]
    NotSetUp(#[from] ConnectionError),
    #[error("the server takes connections and does not answer")]
    Silent,
    #[error(transparent)]
    NotAnswered(diesel::result::Error),
}

/// The refusal of a call for which no connection was to be had: OVERLOADED where all are in use, in the pool, the budget or on the
/// server; else DEPENDENCY_UNAVAILABLE.
pub(crate) fn refusal(error: PoolError<NotOpened>) -> Fault {
    let full = match &error {
        PoolError::Timeout(TimeoutType::Wait) | PoolError::Backend(NotOpened::BudgetSpent) => true,
        PoolError::Backend(NotOpened::Refused(refused)) => {
            refused.code() == Some(&SqlState::TOO_MANY_CONNECTIONS)
        }
        _ => false,
    };
    if full { overloaded().because(error) } else { Fault::unavailable("the database", error) }
}

/// Every connection that the call could use is in use.
pub(crate) fn overloaded() -> Fault {
    let message = "every connection to the database is in use; retry later";
    Fault::new(Common::Overloaded, message).retry_after(RETRY_AFTER)
}
