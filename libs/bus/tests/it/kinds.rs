//! Each kind of failure has its own consequence.

use crate::app::{App, price_updated};
use crate::fixture::{Fixture, Running, consume, eventually, price};
use bus::{Outcome, dead};
use contracts::types::v1::Reason;
use fault::{Common, Fault};
use prost::Message;
use std::sync::Arc;
use uuid::Uuid;

struct Case {
    fixture: Fixture,
    app: Arc<App>,
    id: Uuid,
    relay: Running,
    consumers: Running,
}

impl Case {
    /// One event is delivered to a handler that returns what the script says.
    async fn new(script: impl Fn(u32) -> Result<Outcome, Fault> + Send + Sync + 'static) -> Self {
        let fixture = Fixture::new().await;
        let relay = fixture.relay();
        let app = App::scripted(move |_, call| script(call));
        let consumers = consume(fixture.consumers().on(app.clone(), price_updated));
        let id = Uuid::now_v7();
        fixture.commit_events(&[price(id, 1)]).await;
        Self { fixture, app, id, relay, consumers }
    }

    fn calls(&self) -> u32 {
        self.app.calls(&self.id.to_string())
    }

    async fn dead_letters(&self) -> Vec<dead::DeadLetter> {
        dead::list(&self.fixture.bus, "search", 0, 10).await.unwrap_or_default()
    }

    /// The broker has nothing left to deliver.
    async fn settled(&self) {
        eventually("the broker is done", async || {
            let info = self.fixture.stream().await.consumer_info("search-from-pricing").await;
            info.is_ok_and(|info| info.ack_floor.stream_sequence == 1)
        })
        .await;
    }

    async fn end(self) {
        self.relay.end().await;
        self.consumers.end().await;
    }
}

fn fault(reason: Reason) -> Result<Outcome, Fault> {
    Err(Fault::new(reason, "as the test wants"))
}

#[tokio::test]
async fn what_can_never_succeed_is_a_dead_letter_at_once() {
    for reason in
        [Reason::InvalidField, Reason::RequestIdReused, Reason::TokenMissing, Reason::ScopeMissing]
    {
        let case = Case::new(move |_| fault(reason)).await;
        eventually("there is a dead letter", async || case.dead_letters().await.len() == 1).await;
        case.settled().await;
        assert_eq!(case.calls(), 1);
        assert_eq!(case.dead_letters().await[0].attempts, 1);
        assert_eq!(case.fixture.effects().await, 0);
        case.end().await;
    }
}

#[tokio::test]
async fn what_may_be_a_bug_is_a_dead_letter_after_three_failures() {
    for reason in [Reason::Internal, Reason::MethodUnknown] {
        let case = Case::new(move |_| fault(reason)).await;
        eventually("there is a dead letter", async || case.dead_letters().await.len() == 1).await;
        case.settled().await;
        assert_eq!(case.calls(), 3);
        let dead_letter = &case.dead_letters().await[0];
        assert_eq!(dead_letter.attempts, 3);
        assert!(dead_letter.first_at.unwrap() < dead_letter.last_at.unwrap());
        case.end().await;
    }
}

#[tokio::test]
async fn a_panic_counts_as_a_failure_of_its_event() {
    let case = Case::new(|call| {
        assert!(call > 2, "the handler broke");
        Ok(Outcome::Done)
    })
    .await;
    eventually("it has an effect", async || case.fixture.effects().await == 1).await;
    case.settled().await;
    assert_eq!((case.calls(), case.dead_letters().await.len()), (3, 0));
    let failures = "select failures::bigint as count from attempts";
    assert_eq!(case.fixture.count(failures).await, 2);
    case.end().await;
}

#[tokio::test]
async fn what_exists_already_is_acknowledged() {
    let sku_taken = catalog_api::v1::Reason::SkuTaken;
    let case = Case::new(move |_| Err(Fault::new(sku_taken, "is there"))).await;
    case.settled().await;
    assert_eq!((case.calls(), case.dead_letters().await.len()), (1, 0));
    assert_eq!(case.fixture.effects().await, 0);
    case.end().await;
}

#[tokio::test]
async fn conflicts_and_outages_are_tried_again_and_are_no_attempts() {
    for reason in [
        Reason::ConcurrentModification,
        Reason::Contended,
        Reason::Overloaded,
        Reason::DependencyUnavailable,
        Reason::DeadlineExceeded,
    ] {
        let case =
            Case::new(move |call| if call < 8 { fault(reason) } else { Ok(Outcome::Done) }).await;
        eventually("it has an effect", async || case.fixture.effects().await == 1).await;
        case.settled().await;
        assert_eq!((case.calls(), case.dead_letters().await.len()), (8, 0), "{reason:?}");
        assert_eq!(case.fixture.count("select count(*) from attempts").await, 0);
        case.end().await;
    }
}

#[tokio::test]
async fn fields_of_a_newer_publisher_are_ignored() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let consumers = consume(fixture.consumers().on(App::new(), price_updated));
    let id = Uuid::now_v7();
    let mut payload = price(id, 3).encode_to_vec();
    prost::encoding::string::encode(5001, &"of tomorrow".to_owned(), &mut payload);
    fixture.insert_outbox_row("pricing.price.updated", &id.to_string(), 3, payload).await;
    eventually("it has an effect", async || fixture.effects().await == 1).await;
    let seen = format!("select count(*) from seen where key = '{id}' and version = 3");
    assert_eq!(fixture.count(&seen).await, 1);
    assert_eq!(dead::list(&fixture.bus, "search", 0, 10).await.unwrap().len(), 0);
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn a_common_reason_is_the_contracts() {
    assert!(Fault::new(Common::Internal, "x").is(Reason::Internal));
}
