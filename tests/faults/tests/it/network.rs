//! Every link is bad in every way, once.

use crate::program;
use faults::run::network;
use faults::schedule;

#[tokio::test]
async fn network_whatever_it_does_to_whom_nothing_is_lost_out_of_order_or_doubled() {
    network::run(1, schedule::seed(), program()).await.unwrap();
}
