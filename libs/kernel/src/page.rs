//! Pages of a list (AIP-158): how many rows one holds, and the token that asks for the next.

mod size;
mod token;

pub use size::{NegativePageSize, PageSize};
pub use token::{PageKeys, PageTokenError};
