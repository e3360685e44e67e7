//! Analytics against real servers.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod shop;

mod rpc {
    //! One file for each RPC, or for a few that are alike.
    mod browsers;
    mod list_events;
    mod record_events;
    mod refused;
    mod reports;
}
mod events {
    //! Events of the mesh.
    mod observed;
}
mod jobs {
    //! Scheduled work.
    mod keep_days;
    mod repair_days;
}
