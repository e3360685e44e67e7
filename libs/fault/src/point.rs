//! Failpoints: named points at which a test makes a process abort, fail or wait. A test can also switch off safeguards, to prove that
//! it would notice if they were missing. This needs the feature `failpoints`, which releases do not have; without it all calls do
//! nothing.
//!
//! A script configures them: `relay.marked=abort@3; consumer.claimed=error; pg.commit=delay:2000; inbox=off`. The number after `@` is
//! the pass at which the action happens, by default the first; `@2+` means the second and all later ones.

#[cfg(feature = "failpoints")]
mod armed;

#[cfg(feature = "failpoints")]
pub use armed::{ScriptError, arm, off, reached};

#[cfg(not(feature = "failpoints"))]
mod unarmed {
    use crate::Fault;

    /// A failpoint; does nothing in this build.
    #[inline]
    pub async fn reached(_name: &'static str) -> Result<(), Fault> {
        Ok(())
    }

    /// Whether a safeguard is switched off: never in this build.
    #[inline]
    pub fn off(_name: &'static str) -> bool {
        false
    }
}

#[cfg(not(feature = "failpoints"))]
pub use unarmed::{off, reached};
