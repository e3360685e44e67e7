//! Named points at which a test makes a process die, fail or wait, and safeguards that it takes away to show that their absence
//! would be noticed. All of it exists behind the feature `failpoints`, which no release has; without it each call is empty.
//!
//! A script arms them: `relay.marked=abort@3; consumer.claimed=error; pg.commit=delay:2000; inbox=off`. The number says at
//! which pass it happens, the first one where there is none; `@2+` means the second and every later one.

#[cfg(feature = "failpoints")]
mod armed;

#[cfg(feature = "failpoints")]
pub use armed::{ScriptError, arm, off, reached};

#[cfg(not(feature = "failpoints"))]
mod unarmed {
    use crate::Fault;

    /// A point of the path of an event, at which nothing happens in this build.
    #[inline]
    pub async fn reached(_name: &'static str) -> Result<(), Fault> {
        Ok(())
    }

    /// Whether a safeguard is taken away: never, in this build.
    #[inline]
    pub fn off(_name: &'static str) -> bool {
        false
    }
}

#[cfg(not(feature = "failpoints"))]
pub use unarmed::{off, reached};
