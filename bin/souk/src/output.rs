//! What a command tells the person or program that started it: results on standard output, everything else on standard error.
//! A reader who has gone away, as `| head` does, is no failure.

use std::fmt::Display;
use std::io::Write;

/// A line of the result.
pub fn line(text: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A remark: progress, a warning, a refusal.
pub fn note(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
