//! A broker that has lost its data: the loss is detected, events are republished from the outbox, and every copy equals its owner.

use crate::project::Project;
use crate::shop::{self, PRICES, handled, progress, reconcile, same_in_search, settled};
use nix::sys::signal::{Signal, kill};
use testkit::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_lost_its_data_under_load_is_made_whole_from_the_outbox() {
    let project = Project::new("lost");
    project.run(&["dev", "up"]);
    let (pricing, search) = (project.database("pricing").await, project.database("search").await);
    let catalog = project.database("catalog").await;
    shop::fill(&project, PRICES);
    handled(&catalog, &search, "search-from-catalog").await;
    shop::write_prices(&project, PRICES, 10_000);
    let update = ["import", "prices", "prices.jsonl", "--chunk", "250"];
    let mut command = project.start(&update);
    eventually("the update is under way", async || {
        (progress(&pricing, 10_000).await.0 >= 1_000).then_some(())
    })
    .await;
    delete_the_brokers_data(&project).await;
    let (written, unpublished) = progress(&pricing, 10_000).await;
    eprintln!(
        "the broker's data is deleted with {written} of {PRICES} prices written, {unpublished} events unpublished"
    );
    project.run(&["dev", "up"]);
    assert!(command.wait().unwrap().success(), "a broker that is away stops no write");

    for service in ["catalog", "pricing"] {
        project.wait_for_metric(&format!("outbox_broker_lost{{service=\"{service}\"}} 1")).await;
        let republish = ["outbox", "republish", "--service", service];
        let dry = project.run(&[republish.as_slice(), &["--dry-run"]].concat());
        assert!(dry.contains("would be published again"), "{dry}");
        eprintln!("{service}: {}", project.run(&republish).trim_end());
        project.wait_for_metric(&format!("outbox_broker_lost{{service=\"{service}\"}} 0")).await;
    }
    settled(&pricing).await;
    assert_eq!(progress(&pricing, 10_000).await, (PRICES, 0));
    handled(&pricing, &search, "search-from-pricing").await;
    same_in_search(&project, &pricing).await;
    let report = reconcile(&project, false).await;
    assert_eq!(report.differences, 0, "{:?}", report.drifts);
}

/// Kills the broker and removes its data.
async fn delete_the_brokers_data(project: &Project) {
    let pid = project.broker().await;
    kill(pid, Signal::SIGKILL).unwrap();
    eventually("it has ended", async || kill(pid, None).is_err().then_some(())).await;
    std::fs::remove_dir_all(project.path().join(".souk/dev/nats/store")).unwrap();
}
