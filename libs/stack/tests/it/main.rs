//! Against the real servers that `./dev tools` installs.

mod folder;

mod private;
mod stack;
