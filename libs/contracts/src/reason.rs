use tonic::Code;

/// The closed list of ways in which a call or the handling of an event can fail. It alone decides the gRPC code, whether
/// a caller retries, what a consumer does, and how it is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request can never succeed.
    Invalid,
    /// Who calls is not known.
    Unauthenticated,
    /// The caller may not do this.
    Forbidden,
    /// The named thing does not exist.
    NotFound,
    /// The thing to be created is there.
    AlreadyExists,
    /// The state does not allow it.
    Refused,
    /// Somebody else changed it meanwhile.
    Conflict,
    /// Too much was asked for.
    Exhausted,
    /// Something needed is down, or the outcome is unknown.
    Unavailable,
    /// The time was up.
    TimedOut,
    /// A bug.
    Internal,
}

impl Kind {
    /// The gRPC code that a caller sees.
    pub fn code(self) -> Code {
        match self {
            Self::Invalid => Code::InvalidArgument,
            Self::Unauthenticated => Code::Unauthenticated,
            Self::Forbidden => Code::PermissionDenied,
            Self::NotFound => Code::NotFound,
            Self::AlreadyExists => Code::AlreadyExists,
            Self::Refused => Code::FailedPrecondition,
            Self::Conflict => Code::Aborted,
            Self::Exhausted => Code::ResourceExhausted,
            Self::Unavailable => Code::Unavailable,
            Self::TimedOut => Code::DeadlineExceeded,
            Self::Internal => Code::Internal,
        }
    }

    /// The kind behind a code that another service answered with.
    pub fn of(code: Code) -> Self {
        match code {
            Code::InvalidArgument | Code::OutOfRange => Self::Invalid,
            Code::Unauthenticated => Self::Unauthenticated,
            Code::PermissionDenied => Self::Forbidden,
            Code::NotFound => Self::NotFound,
            Code::AlreadyExists => Self::AlreadyExists,
            Code::FailedPrecondition => Self::Refused,
            Code::Aborted => Self::Conflict,
            Code::ResourceExhausted => Self::Exhausted,
            Code::Unavailable | Code::Cancelled => Self::Unavailable,
            Code::DeadlineExceeded => Self::TimedOut,
            Code::Ok | Code::Unknown | Code::Unimplemented | Code::Internal | Code::DataLoss => {
                Self::Internal
            }
        }
    }
}

/// A value of one of the contract's `Reason` enums: why a call was refused, in a word that programs can match.
pub trait Reason: Copy + std::fmt::Debug + Send + Sync + 'static {
    /// What it means for the caller.
    fn kind(self) -> Kind;
    /// Its name on the wire, e.g. `SKU_TAKEN`.
    fn name(self) -> &'static str;
    /// Whose reason it is, e.g. `catalog.souk`.
    fn domain(self) -> &'static str;
}

/// A reason of the contract as data, for documentation and for checks that cover all of them.
#[derive(Debug, Clone, Copy)]
pub struct ReasonInfo {
    /// Whose reason it is.
    pub domain: &'static str,
    /// Its name on the wire.
    pub name: &'static str,
    /// What it means for the caller.
    pub kind: Kind,
    /// The contract's comment on it.
    pub meaning: &'static str,
}
