//! Pagination of lists (AIP-158): page sizes and page tokens.

mod size;
mod token;

pub use size::{NegativePageSize, PageSize};
pub use token::{PageKeys, PageTokenError};
