//! 50 bad events among 2,000, five of which kill the process that handles them.

use crate::program;
use faults::run::b08;
use faults::schedule;

#[tokio::test]
async fn b08_bad_events_end_as_letters_and_harm_nobody_else() {
    b08::run("b08", &b08::Scale::short(), schedule::seed(), program()).await.unwrap();
}
