//! A full stream: its quota is a setting, which a restarted process applies.

use crate::project::Project;
use crate::shop::{self, handled, one};
use async_nats::jetstream::{Context, stream::Info};
use nix::sys::signal::Signal;
use testkit::eventually;

const SMALL: i64 = 1024 * 1024;
const LARGE: i64 = 64 * 1024 * 1024;

/// Products whose events take more than the small quota.
const PRODUCTS: i64 = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_stream_resumes_after_its_quota_is_raised_and_loses_nothing_when_it_is_lowered() {
    let project = Project::new("quota");
    start(&project, SMALL);
    let (catalog, search) = (project.database("catalog").await, project.database("search").await);
    let js = project.jetstream().await;
    assert_eq!(in_force(&js, SMALL).await.state.messages, 0);
    shop::fill(&project, PRODUCTS);
    let log = project.path().join(".souk/dev/log/all.log");
    eventually("the stream is full", async || {
        let log = std::fs::read_to_string(&log).unwrap();
        let full = |line: &str| {
            line.contains("takes no events at the moment")
                && line.contains("maximum bytes exceeded")
        };
        log.lines().any(full).then_some(())
    })
    .await;
    let waiting = one(&catalog, "select count(*) from outbox where published_at is null").await;
    let held = in_force(&js, SMALL).await.state;
    eprintln!("full with {} events in {} bytes; {waiting} wait", held.messages, held.bytes);
    assert!(waiting > 0 && held.bytes <= SMALL.cast_unsigned());
    let refused = "select count(*) from outbox where attempts > 0";
    assert_eq!(one(&catalog, refused).await, 0, "no event is refused as such");

    restart(&project, LARGE).await;
    handled(&catalog, &search, "search-from-catalog").await;
    let all = in_force(&js, LARGE).await.state.messages;
    assert!(all > held.messages);

    restart(&project, SMALL).await;
    let lowered = in_force(&js, SMALL).await.state;
    assert_eq!(lowered.messages, all);
    assert!(lowered.bytes > SMALL.cast_unsigned());
}

fn start(project: &Project, max_bytes: i64) {
    let mut up = project.souk(&["dev", "up"]);
    let up = up.env("SOUK_NATS_MAX_BYTES", max_bytes.to_string()).output().unwrap();
    assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
}

/// Ends the process and starts it with another quota, as an operator would.
async fn restart(project: &Project, max_bytes: i64) {
    let pid = project.pid();
    project.signal(Signal::SIGTERM);
    eventually("it has ended", async || nix::sys::signal::kill(pid, None).is_err().then_some(()))
        .await;
    start(project, max_bytes);
}

/// Waits until catalog's stream has this quota.
async fn in_force(js: &Context, max_bytes: i64) -> Info {
    eventually("the quota is in force", async || {
        let stream = js.get_stream("CATALOG").await.ok()?;
        let info = stream.cached_info().clone();
        (info.config.max_bytes == max_bytes).then_some(info)
    })
    .await
}
