//! The sweep removes expired rows and nothing else.

use crate::fixture::{Fixture, execute, soon};
use pg::sweep::sweep;

const OUTBOX: &str = "insert into outbox
    (id, subject, message, key, version, payload, headers, published_at, created_at)
    select gen_random_uuid(), 's', 'm', name, 1, '', '{}', published_at, now() - interval '99 days'";

#[tokio::test]
async fn the_outbox_keeps_recent_and_unpublished_rows() {
    let fixture = Fixture::new().await;
    let rows = "from (values ('old', now() - interval '15 days'),
                             ('young', now() - interval '13 days'),
                             ('unpublished', null)) as row (name, published_at)";
    fixture.execute(&format!("{OUTBOX} {rows}")).await;
    assert_eq!(sweep(&fixture.db).await.unwrap(), 1);
    let left = fixture.texts("select key as text from outbox order by key").await;
    assert_eq!(left, ["unpublished", "young"]);
}

#[tokio::test]
async fn claims_and_failures_outlive_what_was_published_again_at_the_last_moment() {
    let fixture = Fixture::new().await;
    // A row can be published again when it is nearly 14 days old, and then stays in the stream for 7.
    for (table, column, rest) in
        [("inbox", "claimed_at", "subject"), ("attempts", "last_at", "last_error")]
    {
        let rows = format!(
            "insert into {table} (consumer, event_id, {rest}, {column})
             select name, gen_random_uuid(), '', now() - age
             from (values ('old', interval '23 days'), ('young', interval '516 hours')) as row (name, age)"
        );
        fixture.execute(&rows).await;
        assert_eq!(sweep(&fixture.db).await.unwrap(), 1, "{table}");
        let left = fixture.texts(&format!("select consumer as text from {table}")).await;
        assert_eq!(left, ["young"], "{table}");
    }
}

#[tokio::test]
async fn answers_are_kept_for_a_day() {
    let fixture = Fixture::new().await;
    fixture
        .execute(
            "insert into request_replay (caller, request_id, method, digest, response, created_at)
             select name, gen_random_uuid(), 'm', '', '', now() - age
             from (values ('old', interval '25 hours'), ('young', interval '23 hours')) as row (name, age)",
        )
        .await;
    assert_eq!(sweep(&fixture.db).await.unwrap(), 1);
    assert_eq!(fixture.texts("select caller as text from request_replay").await, ["young"]);
}

#[tokio::test]
async fn operations_are_kept_while_they_run_and_two_weeks_after() {
    let fixture = Fixture::new().await;
    fixture
        .execute(
            "insert into operations (id, kind, state, updated_at)
             select gen_random_uuid(), name, state, now() - age
             from (values ('done', 'succeeded', interval '15 days'),
                          ('failed', 'failed', interval '15 days'),
                          ('young', 'succeeded', interval '13 days'),
                          ('running', 'running', interval '99 days')) as row (name, state, age)",
        )
        .await;
    assert_eq!(sweep(&fixture.db).await.unwrap(), 2);
    let left = fixture.texts("select kind as text from operations order by kind").await;
    assert_eq!(left, ["running", "young"]);
}

#[tokio::test]
async fn an_event_that_still_waits_is_not_swept() {
    let fixture = Fixture::new().await;
    fixture
        .execute(
            "insert into early (consumer, event_id, awaited, subject, headers, payload, kept_at)
             values ('c', gen_random_uuid(), 'a', 's', '{}', '', now() - interval '99 days')",
        )
        .await;
    assert_eq!(sweep(&fixture.db).await.unwrap(), 0);
    assert_eq!(fixture.count("select count(*) from early").await, 1);
}

#[tokio::test]
async fn one_round_removes_more_than_one_batch() {
    let fixture = Fixture::new().await;
    let rows = "from (select 'old' as name, now() - interval '15 days' as published_at
                      from generate_series(1, 5001)) rows";
    fixture.execute(&format!("{OUTBOX} {rows}")).await;
    assert_eq!(sweep(&fixture.db).await.unwrap(), 5001);
    assert_eq!(fixture.count("select count(*) from outbox").await, 0);
}

#[tokio::test]
async fn a_sweep_skips_locked_rows() {
    let fixture = Fixture::new().await;
    let rows = "from (values ('held', now() - interval '15 days'),
                             ('free', now() - interval '15 days')) as row (name, published_at)";
    fixture.execute(&format!("{OUTBOX} {rows}")).await;
    let sweeper = &fixture.other(|_| {});
    let write = fixture.db.write("test.hold", async move |tx| {
        execute(tx, "select 1 from outbox where key = 'held' for update").await?;
        soon("the sweep does not wait", sweep(sweeper)).await
    });
    assert_eq!(write.await.unwrap(), 1);
    assert_eq!(fixture.texts("select key as text from outbox").await, ["held"]);
}
