//! Damaged events, in the stream and among those that wait.

use crate::program;
use faults::run::b33;
use faults::schedule;

#[tokio::test]
async fn b33_damaged_events_end_as_letters_and_harm_nobody_else() {
    b33::run(schedule::seed(), program()).await.unwrap();
}
