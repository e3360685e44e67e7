//! Conversion of database errors. Code that runs a statement handles violations of constraints it expects, by their names; all other
//! errors are converted here.

use crate::{Common, Fault};
use diesel::result::{DatabaseErrorKind, Error};

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match &error {
            Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => {
                Self::new(Common::Contended, "another transaction got in the way; repeat the call")
                    .because(error)
            }
            Error::DatabaseError(DatabaseErrorKind::ClosedConnection, _)
            | Error::BrokenTransactionManager => Self::unavailable("the database", error),
            Error::DatabaseError(DatabaseErrorKind::Unknown, info)
                if info.message().contains("deadlock detected") =>
            {
                Self::new(Common::Contended, "another transaction got in the way; repeat the call")
                    .because(error)
            }
            Error::DatabaseError(DatabaseErrorKind::Unknown, info)
                if info.message().starts_with("canceling statement due to") =>
            {
                Self::new(Common::DeadlineExceeded, "the time for this call was up").because(error)
            }
            Error::DatabaseError(DatabaseErrorKind::Unknown, info)
                if info.message().starts_with("terminating connection")
                    || info.message().contains("connection closed") =>
            {
                Self::unavailable("the database", error)
            }
            // Read-only after a failover, or a full disk: the statement is not at fault, so the database counts as unavailable.
            Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _) => {
                Self::unavailable("the database", error)
            }
            Error::DatabaseError(DatabaseErrorKind::Unknown, info)
                if info.message().contains("No space left on device") =>
            {
                Self::unavailable("the database", error)
            }
            // The same kind is used for a broken connection and for a statement that cannot be encoded.
            Error::DatabaseError(DatabaseErrorKind::UnableToSendCommand, info)
                if info.message().contains("closed")
                    || info.message().contains("communicating") =>
            {
                Self::unavailable("the database", error)
            }
            _ => Self::internal(error),
        }
    }
}

impl Fault {
    /// The name of the constraint that a statement violated, if the error is a violation.
    pub fn constraint(error: &Error) -> Option<&str> {
        match error {
            Error::DatabaseError(
                DatabaseErrorKind::UniqueViolation
                | DatabaseErrorKind::ForeignKeyViolation
                | DatabaseErrorKind::CheckViolation
                | DatabaseErrorKind::ExclusionViolation,
                info,
            ) => info.constraint_name(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn a_read_only_or_full_database_is_unavailable_and_a_wrong_statement_is_a_bug() {
        let kind = |kind, message: &str| {
            Fault::from(Error::DatabaseError(kind, Box::new(message.to_owned()))).kind()
        };
        let read_only = "cannot execute INSERT in a read-only transaction";
        let full = "could not extend file \"base/5/1259\": No space left on device";
        let wrong = "relation \"entries\" does not exist";
        assert_eq!(kind(DatabaseErrorKind::ReadOnlyTransaction, read_only), Kind::Unavailable);
        assert_eq!(kind(DatabaseErrorKind::Unknown, full), Kind::Unavailable);
        assert_eq!(kind(DatabaseErrorKind::Unknown, wrong), Kind::Internal);
    }
}
