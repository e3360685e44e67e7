//! What the contract promises to those who hold bytes of it.

#![expect(clippy::unwrap_used, reason = "helpers of tests count as tests")]

mod golden;
