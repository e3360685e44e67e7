use tonic::Code;

/// The kinds of failure of a call or of an event handler. The kind determines the gRPC code, whether a caller retries, what a consumer
/// does with the event, and the log level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request can never succeed.
    Invalid,
    /// The caller is not authenticated.
    Unauthenticated,
    /// The caller may not do this.
    Forbidden,
    /// The resource does not exist.
    NotFound,
    /// The resource to create exists already.
    AlreadyExists,
    /// The current state does not allow it.
    Refused,
    /// A concurrent change got in the way.
    Conflict,
    /// A limit was exceeded, e.g. too many calls at once.
    Exhausted,
    /// A dependency is not available, or the outcome is unknown.
    Unavailable,
    /// The deadline was exceeded.
    TimedOut,
    /// A bug.
    Internal,
    /// The server has no such method. Not NOT_FOUND: a caller that reaches an older replica must not read it as "no such product".
    Unimplemented,
}

impl Kind {
    /// The gRPC code of the response.
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
            Self::Unimplemented => Code::Unimplemented,
        }
    }

    /// The kind for a gRPC code that another service returned.
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

/// A value of one of the contract's `Reason` enums: a machine-readable error reason.
pub trait Reason: Copy + std::fmt::Debug + Send + Sync + 'static {
    /// Kind of failure.
    fn kind(self) -> Kind;
    /// Its name on the wire, e.g. `SKU_TAKEN`.
    fn name(self) -> &'static str;
    /// Domain of `google.rpc.ErrorInfo`, e.g. `catalog.souk`.
    fn domain(self) -> &'static str;
}

/// A reason as data, for documentation and for checks over all reasons.
#[derive(Debug, Clone, Copy)]
pub struct ReasonInfo {
    /// Its domain.
    pub domain: &'static str,
    /// Its name on the wire.
    pub name: &'static str,
    /// Kind of failure.
    pub kind: Kind,
    /// Its comment in the contract.
    pub meaning: &'static str,
}
