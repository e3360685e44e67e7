//! 20,000 events while 20 processes are killed.

use crate::program;
use faults::{run::b01, schedule};

#[tokio::test]
async fn b01_nothing_is_lost_out_of_order_or_doubled_whoever_is_killed() {
    b01::run(&b01::Scale::short(), schedule::seed(), program()).await.unwrap();
}
