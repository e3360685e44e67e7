//! Output of commands: results on standard output, everything else on standard error. Write errors are ignored, because a reader
//! such as `head` may close the pipe early.

use std::fmt::Display;
use std::io::Write;

/// Prints a line of the result to standard output.
pub fn line(text: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints progress, a warning or an error to standard error.
pub fn note(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
