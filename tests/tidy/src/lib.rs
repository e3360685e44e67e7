//! The rules of the project as tests: which crate may use which, how long a file may be, what `domain/` may not do, that
//! generated documents are current, and that the suite leaves no RPC, refusal or event untested.
