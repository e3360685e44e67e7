//! Each safeguard taken away once.

use crate::program;
use faults::run::mutants;
use faults::schedule;

#[tokio::test]
async fn mutants_without_the_claim_effects_are_doubled() {
    mutants::inbox(schedule::seed(), program()).await.unwrap();
}

#[tokio::test]
async fn mutants_with_the_acknowledgement_before_the_commit_effects_are_lost() {
    mutants::ack_after_commit(schedule::seed(), program()).await.unwrap();
}

#[tokio::test]
async fn mutants_without_the_version_guard_a_projection_goes_back() {
    mutants::version_guard(schedule::seed(), program()).await.unwrap();
}

#[tokio::test]
async fn mutants_with_a_key_twice_in_flight_its_events_are_out_of_order() {
    mutants::one_key_per_window(schedule::seed(), program()).await.unwrap();
}
