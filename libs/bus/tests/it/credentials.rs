//! A broker that asks for user and password.

use crate::fixture::eventually;
use bus::{Bus, Settings};
use std::io::Write;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use tracing_subscriber::filter::LevelFilter;

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_user_of_the_url_is_shown_to_the_broker_and_its_password_never_logged() {
    let folder = testbed::folder().join("bus").join(uuid::Uuid::now_v7().simple().to_string());
    let nats = stack::Nats::spawn_private_guarded(&folder).await.unwrap();
    let url = nats.url();
    let (user, address) = url.strip_prefix("nats://").unwrap().split_once('@').unwrap();
    let (user, password) = user.split_once(':').unwrap();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // Of this thread, on which all tasks of this test run.
    let _logged = tracing::subscriber::set_default(subscriber);

    let encoded: String = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for url in [url.clone(), format!("nats://{user}:{encoded}@{address}")] {
        let settings = Settings::of(url);
        let bus = Bus::connect(&settings).await.unwrap();
        eventually("it is connected", async || bus.health().await.is_ok()).await;
        for shown in [format!("{bus:?}"), format!("{settings:?}"), format!("{nats:?}")] {
            assert!(!shown.contains(password) && !shown.contains(&encoded), "{shown}");
        }
    }

    let refusals =
        || log.text().matches("broker: client error: nats: authorization violation").count();
    for other in [format!("nats://{address}"), format!("nats://{user}:guessed@{address}")] {
        let before = refusals();
        let bus = Bus::connect(&Settings::of(other)).await.unwrap();
        eventually("it is refused, and tried again", async || refusals() > before + 1).await;
        assert_eq!(bus.client().statistics().connects.load(Ordering::Relaxed), 0);
    }

    let log = log.text();
    assert!(log.contains("connected to the broker"), "{log}");
    for secret in [password, &encoded, "guessed"] {
        assert!(!log.contains(secret), "{log}");
    }
    drop(nats);
    std::fs::remove_dir_all(folder).unwrap();
}
