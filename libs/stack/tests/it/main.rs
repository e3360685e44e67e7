//! Against the real servers that `./dev tools` installs.

#![expect(clippy::unwrap_used, reason = "helpers of tests count as tests")]

mod folder;

mod private;
mod stack;
