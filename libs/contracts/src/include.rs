//! Macros that include generated code.

/// The generated code of a crate, which `build.rs` wrote.
#[doc(hidden)]
#[macro_export]
macro_rules! include_generated {
    () => {
        #[allow(
            clippy::all,
            missing_docs,
            unused_qualifications,
            reason = "generated; its comments are those of the contract"
        )]
        mod messages {
            include!(concat!(env!("OUT_DIR"), "/messages.rs"));
        }
        #[allow(clippy::needless_update, unused_imports, reason = "generated")]
        mod tables {
            use ::contracts::generated::{check, inventory};
            use ::contracts::{
                Aggregate, Api, Event, EventInfo, Fact, Idempotency, Kind, Mutation, Observed,
                PageRequest, Policy, Priority, Reason, ReasonInfo, Rpc, Unreadable,
            };

            include!(concat!(env!("OUT_DIR"), "/tables.rs"));
        }
        #[allow(
            clippy::all,
            clippy::expect_used,
            unreachable_patterns,
            unused_imports,
            unused_qualifications,
            reason = "generated; the build compiled every pattern"
        )]
        mod validators {
            use ::contracts::bounds::{self, Bounds, FieldBounds};
            use ::contracts::generated::{has_control, is_uuid, is_zero, repeats};
            use ::contracts::{Path, Validate, Violations};

            include!(concat!(env!("OUT_DIR"), "/validators.rs"));
        }
    };
}

/// Everything that is in the crate `<service>_api`: the code generated from `proto/souk/<service>`.
#[macro_export]
macro_rules! api {
    ($service:ident) => {
        #[doc(hidden)]
        pub use ::contracts;
        pub use messages::souk::$service::*;

        ::contracts::include_generated!();
    };
}
