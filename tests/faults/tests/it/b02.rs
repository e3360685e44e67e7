//! A process dies, fails or waits at each point of the short tier.

use crate::program;
use faults::run::b02::{Action, run, short};
use faults::schedule;
use std::time::Duration;

#[tokio::test]
async fn b02_whoever_dies_wherever_nothing_is_lost_or_doubled() {
    run(&short(), &[Action::Abort], schedule::seed(), program()).await.unwrap();
}

#[tokio::test]
async fn b02_whatever_fails_wherever_nothing_is_lost_or_doubled() {
    run(&short(), &[Action::Error], schedule::seed(), program()).await.unwrap();
}

#[tokio::test]
async fn b02_whatever_waits_wherever_nothing_is_lost_or_doubled() {
    let wait = Action::Delay(Duration::from_secs(2));
    run(&short(), &[wait], schedule::seed(), program()).await.unwrap();
}
