/// Wrong usage of a command that is only detected when it runs.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);
