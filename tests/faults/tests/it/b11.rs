//! Five takeovers of the relay's lead.

use crate::program;
use faults::run::b11;
use faults::schedule;

#[tokio::test]
async fn b11_whoever_loses_the_lead_another_one_publishes_soon() {
    b11::run(5, schedule::seed(), program()).await.unwrap();
}
