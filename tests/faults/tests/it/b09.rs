//! Events come repeatedly and in any order, through broker and database.

use crate::program;
use faults::run::b09;
use faults::schedule;

#[tokio::test]
async fn b09_whatever_order_events_come_in_projections_are_as_their_owner_says() {
    b09::run(&b09::Scale::short(), schedule::seed(), program()).await.unwrap();
}
