//! The broker's data folder is deleted under load.

use crate::program;
use faults::run::lost;
use faults::schedule;

#[tokio::test]
async fn lost_events_are_published_again_and_nothing_is_doubled() {
    lost::run(1_000, schedule::seed(), program()).await.unwrap();
}
