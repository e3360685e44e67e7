//! How an operator handles dead letters.

use crate::project::Project;
use crate::shop::{self, handled, one, reconcile, same_in_search, settled};
use nix::sys::signal::Signal;
use std::process::Stdio;
use testkit::eventually;

/// Undecodable events in the outbox of pricing.
const GARBLED: &str = "
    insert into outbox (id, subject, message, key, version, payload, headers)
    select gen_random_uuid(), 'pricing.price.updated', 'souk.pricing.v1.PriceUpdated', 'garbled-' || n, 1,
           '\\xffff', '{}'
    from generate_series(1, 3) n";

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_explained_replayed_and_discarded() {
    let project = Project::new("dead");
    project.run(&["dev", "up"]);
    let none = project.souk(&["dead", "list", "--service", "search"]).output().unwrap();
    assert!(none.status.success() && none.stdout.is_empty());
    project.database("pricing").await.batch_execute(GARBLED).await.unwrap();
    let listed = eventually("search has dead-lettered them", async || {
        let listed = project.run(&["dead", "list", "--service", "search"]);
        (listed.lines().count() == 7).then_some(listed)
    })
    .await;
    assert!(listed.contains("UNDECODABLE") && listed.contains("garbled-2: UNDECODABLE: the event"));

    let json =
        project.run(&["dead", "list", "--service", "search", "--key", "garbled-2", "--json"]);
    let dead_letter: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(dead_letter["reason"], "UNDECODABLE");
    let (consumer, event) =
        (dead_letter["consumer"].as_str().unwrap(), dead_letter["eventId"].as_str().unwrap());
    let of_one = ["--service", "search", "--consumer", consumer, "--event", event];
    let shown = project.run(&[["dead", "show"].as_slice(), &of_one].concat());
    assert!(shown.contains("header         key: garbled-2"), "{shown}");
    assert!(shown.contains("2 bytes that are no such event: ffff"), "{shown}");

    let code = |arguments: &[&str]| project.souk(arguments).output().unwrap().status.code();
    let dry = project.run(&["dead", "replay", "--service", "search", "--dry-run"]);
    assert_eq!(dry, "3 dead letters would be replayed (dry run)\n");
    let replay = project.souk(&["dead", "replay", "--service", "search"]).output().unwrap();
    assert_eq!(replay.status.code(), Some(1), "they fail again");
    let output = String::from_utf8(replay.stdout).unwrap();
    assert!(
        output.starts_with("dead letters: 0 applied") && output.contains("3 failed"),
        "{output}"
    );

    assert_eq!(code(&["dead", "discard", "--service", "search"]), Some(2), "not all by accident");
    assert_eq!(code(&["dead", "list", "--service", "unknown"]), Some(1));
    assert_eq!(code(&["dead", "list", "--service", "search", "--since", "yesterday"]), Some(2));
    let discard = ["dead", "discard", "--service", "search", "--since", "1h"];
    let dry = project.run(&[discard.as_slice(), &["--dry-run"]].concat());
    assert!(dry.starts_with("3 dead letters would be discarded"), "{dry}");
    assert_eq!(project.run(&discard), "3 dead letters discarded\n");
    assert_eq!(project.run(&["dead", "list", "--service", "search"]), "");

    let republish = ["outbox", "republish", "--service", "pricing", "--key", "garbled-1"];
    let dry = project.run(&[republish.as_slice(), &["--dry-run"]].concat());
    assert!(dry.starts_with("1 events would be published again, made between"), "{dry}");
    assert!(project.run(&republish).starts_with("1 events are published again, made between"));

    let pricing = project.database("pricing").await;
    pricing
        .execute("update relay_state set lost_at = now(), lost_how = 'by a test'", &[])
        .await
        .unwrap();
    project.wait_for_metric("outbox_broker_lost{service=\"pricing\"} 1").await;
    let all = project.run(&["outbox", "republish", "--service", "pricing"]);
    assert!(all.starts_with("3 events are published again"), "{all}");
    project.wait_for_metric("outbox_broker_lost{service=\"pricing\"} 0").await;

    // Every change is logged with its caller; a dry run changes nothing.
    let log = std::fs::read_to_string(project.path().join(".souk/dev/log/all.log")).unwrap();
    let audited: Vec<&str> = log.lines().filter(|line| line.contains("an operator ")).collect();
    let of = |what: &str| audited.iter().filter(|line| line.contains(what)).count();
    let done = ["asked for a replay", "discarded dead letters", "had events published again"];
    assert_eq!(done.map(of), [1, 1, 2], "{audited:#?}");
    let by_whom = |line: &&str| line.contains(r#""caller":"developer""#);
    assert!(audited.iter().all(by_whom), "{audited:#?}");
}

/// Prices that the bug affects.
const DEAD_LETTERS: i64 = 200;

/// A bug: search cannot write prices.
const BUG: &str = "alter table entries add constraint bug check (section <> 'price')";
const FIX: &str = "alter table entries drop constraint bug";

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_of_a_bug_are_applied_after_its_fix_even_if_the_replay_is_killed() {
    let project = Project::new("bug");
    project.run(&["dev", "up"]);
    let (pricing, search) = (project.database("pricing").await, project.database("search").await);
    shop::fill(&project, DEAD_LETTERS);
    search.batch_execute(BUG).await.unwrap();
    shop::write_prices(&project, DEAD_LETTERS, 10_000);
    project.run(&["import", "prices", "prices.jsonl"]);
    settled(&pricing).await;

    let list = ["dead", "list", "--service", "search", "--limit", "1000"];
    let dead_letters = || {
        let lines = project.run(&list).lines().filter(|line| line.contains("  INTERNAL")).count();
        i64::try_from(lines).unwrap()
    };
    eventually("all are dead letters", async || (dead_letters() == DEAD_LETTERS).then_some(()))
        .await;
    let listed = project.run(&["dead", "list", "--service", "search", "--limit", "2"]);
    eprint!("{listed}");
    assert!(listed.contains("violates check constraint \"bug\""), "{listed}");
    let claimed = "select count(*) from inbox where consumer = 'search-from-pricing'";
    assert_eq!(one(&search, claimed).await, 0);

    search.batch_execute(FIX).await.unwrap();
    let mut replay = project.souk(&["dead", "replay", "--service", "search"]);
    let replay = replay.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("half of them are applied", async || {
        (one(&search, claimed).await >= DEAD_LETTERS / 2).then_some(())
    })
    .await;
    project.signal(Signal::SIGKILL);
    let applied = one(&search, claimed).await;
    assert!(applied < DEAD_LETTERS, "all were replayed before the kill");
    project.run(&["dev", "up"]);
    let ended = replay.wait_with_output().unwrap();
    let output = String::from_utf8(ended.stdout).unwrap();
    let noted = String::from_utf8(ended.stderr).unwrap();
    eprint!("killed with {applied} of {DEAD_LETTERS} dead letters applied; {noted}{output}");
    assert!(ended.status.success() && output.contains(" 0 failed"), "{output}");
    // Events that the killed process had not counted are reported separately.
    let numbers = output.split(|character: char| !character.is_ascii_digit());
    let counted: i64 = numbers.filter_map(|number| number.parse::<i64>().ok()).sum();
    let uncounted = noted.lines().find_map(|line| line.split_once(" more were dealt with"));
    let uncounted: i64 = uncounted.map_or(0, |(number, _)| number.parse().unwrap());
    assert_eq!(counted + uncounted, DEAD_LETTERS, "{noted}{output}");

    assert_eq!(dead_letters(), 0);
    handled(&pricing, &search, "search-from-pricing").await;
    same_in_search(&project, &pricing).await;
    let report = reconcile(&project, false).await;
    assert_eq!(report.differences, 0, "{:?}", report.drifts);
}
