use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use async_nats::jetstream;
use stack::{Flush, Nats, Redis};

use crate::folder::{Folder, kill, runs};

const CHILD: &str = "private::a_process_with_a_broker";

#[tokio::test]
async fn a_killed_broker_restarts_on_its_port_with_its_messages() {
    let folder = Folder::new();
    let mut nats = Nats::spawn_private_with(folder.path(), Flush::Always).await.unwrap();
    let (url, pid) = (nats.url(), nats.pid().unwrap());

    let jetstream = jetstream::new(async_nats::connect(&url).await.unwrap());
    let config = jetstream::stream::Config {
        name: "kept".into(),
        subjects: vec!["kept.>".into()],
        ..Default::default()
    };
    jetstream.create_stream(config).await.unwrap();
    for _ in 0..3 {
        jetstream.publish("kept.a", "text".into()).await.unwrap().await.unwrap();
    }

    nats.kill().await.unwrap();
    assert!(!runs(pid));
    assert_eq!(nats.pid(), None);
    nats.restart().await.unwrap();
    assert_eq!(nats.url(), url);
    assert_ne!(nats.pid(), Some(pid));

    let jetstream = jetstream::new(async_nats::connect(&url).await.unwrap());
    let stream = jetstream.get_stream("kept").await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 3);
}

#[tokio::test]
async fn private_servers_are_separate_and_end_with_their_handles() {
    let (left, right) = (Folder::new(), Folder::new());
    let (one, other) =
        tokio::join!(Nats::spawn_private(left.path()), Nats::spawn_private(right.path()));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_ne!(one.port(), other.port());
    let pid = one.pid().unwrap();
    drop(one);
    assert!(!runs(pid));
    assert!(runs(other.pid().unwrap()));
}

#[tokio::test]
async fn a_frozen_redis_answers_when_it_is_thawed() {
    let folder = Folder::new();
    let mut redis = Redis::spawn_private(folder.path()).await.unwrap();
    redis.freeze().unwrap();
    let address = ("127.0.0.1", redis.port());
    let ping = async || {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
        connection.write_all(b"PING\r\n").await.unwrap();
        connection.read_u8().await.unwrap()
    };
    assert!(tokio::time::timeout(Duration::from_millis(200), ping()).await.is_err());
    redis.thaw().unwrap();
    assert_eq!(ping().await, b'+');
    redis.stop().await.unwrap();
    assert_eq!(redis.pid(), None);
}

/// Not a test by itself: the process that the next test starts and kills.
#[tokio::test]
async fn a_process_with_a_broker() {
    let Ok(folder) = std::env::var("SOUK_TEST_FOLDER") else {
        return;
    };
    // Spawned by a thread that ends: the broker must survive it.
    let spawned = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(Nats::spawn_private(folder)).unwrap()
    });
    let nats = spawned.join().unwrap();
    println!("broker {}", nats.pid().unwrap());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_broker_ends_with_its_process_but_not_with_the_thread_that_spawned_it() {
    let folder = Folder::new();
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args([CHILD, "--exact", "--nocapture"])
        .env("SOUK_TEST_FOLDER", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let broker = lines.find_map(|line| {
        let line = line.unwrap();
        line.split_once("broker ").map(|(_, pid)| pid.trim().parse::<u32>().unwrap())
    });
    let broker = broker.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(runs(broker), "the broker ended with the thread that spawned it");
    kill(process.id()).await;
    process.wait().unwrap();
    let gone = async {
        while runs(broker) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
}
