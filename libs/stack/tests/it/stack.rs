use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use async_nats::jetstream::{self, stream};
use async_nats::{ConnectErrorKind, ConnectOptions};
use nix::sys::signal::Signal;
use stack::{Nats, Profile, Stack};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::NoTls;

use crate::folder::{Folder, kill, runs, signal};

async fn query(url: &str, sql: &str) -> Vec<Option<String>> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let answers = client.simple_query(sql).await.unwrap();
    let rows = answers.iter().filter_map(|answer| match answer {
        tokio_postgres::SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.map(|row| row.get(0).map(str::to_owned)).collect()
}

async fn redis_command(url: &str, command: &str) -> String {
    let address = url.strip_prefix("redis://").unwrap();
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    connection.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn up_is_idempotent_and_down_keeps_ports_and_data() {
    let folder = Folder::new();
    let first = Stack::up(folder.path(), Profile::Development).await.unwrap();
    assert_eq!(Stack::up(folder.path(), Profile::Development).await.unwrap(), first);

    query(&first.postgres_url, "CREATE TABLE kept (n int)").await;
    assert_eq!(query(&first.postgres_url, "SHOW fsync").await, [Some("on".into())]);
    assert_eq!(query(&first.postgres_url, "SHOW max_connections").await, [Some("300".into())]);
    assert_eq!(query(&first.postgres_url, "SHOW timezone").await, [Some("UTC".into())]);
    assert!(
        redis_command(&first.redis_url, "CONFIG GET save").await.contains("$4\r\nsave\r\n$0\r\n")
    );
    let config = std::fs::read_to_string(folder.path().join("nats/nats.conf")).unwrap();
    assert!(config.contains("sync_interval: always"), "{config}");

    asks_for_credentials(&first.nats_url, &folder).await;

    let status = Stack::status(folder.path()).await.unwrap();
    assert_eq!(status.len(), 3);
    for (server, running) in status.iter().zip(first.running) {
        assert_eq!((server.name, server.pid), (running.name, Some(running.pid)));
        assert_eq!(server.port, Some(running.port));
        assert!(server.log.is_file(), "{}", server.log.display());
    }

    assert_eq!(Stack::down(folder.path()).await.unwrap(), ["nats", "redis", "postgres"]);
    assert!(first.running.iter().all(|server| !runs(server.pid)));
    assert!(Stack::status(folder.path()).await.unwrap().iter().all(|server| server.pid.is_none()));
    assert_eq!(Stack::down(folder.path()).await.unwrap(), [""; 0]);

    let second = Stack::up(folder.path(), Profile::Development).await.unwrap();
    assert_eq!(second.postgres_url, first.postgres_url);
    assert_eq!(second.redis_url, first.redis_url);
    assert_eq!(second.nats_url, first.nats_url);
    query(&second.postgres_url, "SELECT n FROM kept").await;
}

/// User, password and address in the URL of a broker that asks for them.
fn parts(url: &str) -> [&str; 3] {
    let (user, address) = url.strip_prefix("nats://").unwrap().split_once('@').unwrap();
    let (user, password) = user.split_once(':').unwrap();
    [user, password, address]
}

/// The broker of this URL takes clients that come with its user and password and no others.
async fn asks_for_credentials(url: &str, folder: &Folder) {
    let [user, password, address] = parts(url);
    let with = |password: &str| {
        ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned())
    };
    with(password).connect(address).await.unwrap().flush().await.unwrap();
    for refused in [with("guessed"), ConnectOptions::new()] {
        let error = refused.connect(address).await.unwrap_err();
        assert_eq!(error.kind(), ConnectErrorKind::AuthorizationViolation, "{error}");
    }
    let log = std::fs::read_to_string(folder.path().join("nats.log")).unwrap();
    assert!(log.contains("authentication error") && !log.contains(password), "{log}");
    for private in ["nats/password", "nats/nats.conf"] {
        let mode = std::fs::metadata(folder.path().join(private)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{private}");
    }
}

#[tokio::test]
async fn a_broker_that_runs_without_credentials_is_started_again_with_them() {
    let folder = Folder::new();
    let old = Nats::spawn_private(folder.path()).await.unwrap();
    let config = stream::Config { name: "kept".into(), ..Default::default() };
    let client = async_nats::connect(old.url()).await.unwrap();
    jetstream::new(client).create_stream(config).await.unwrap();
    // As a build left it that knew no credentials.
    let record = serde_json::json!({
        "profile": "development",
        "servers": { "nats": { "pid": old.pid(), "port": old.port() } },
    });
    std::fs::write(folder.path().join("stack.json"), record.to_string()).unwrap();

    let stack = Stack::up(folder.path(), Profile::Development).await.unwrap();
    asks_for_credentials(&stack.nats_url, &folder).await;
    let [user, password, address] = parts(&stack.nats_url);
    assert!(!format!("{stack:?}").contains(password), "it is a secret");
    let options = ConnectOptions::with_user_and_password(user.into(), password.into());
    let client = options.connect(address).await.unwrap();
    jetstream::new(client).get_stream("kept").await.unwrap();
    assert_eq!(Stack::up(folder.path(), Profile::Development).await.unwrap(), stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_ups_share_one_stack() {
    let folder = Folder::new();
    let ups: Vec<_> =
        (0..6).map(|_| tokio::spawn(Stack::up(folder.path().to_owned(), Profile::Test))).collect();
    let mut stacks = Vec::new();
    for up in ups {
        stacks.push(up.await.unwrap().unwrap());
    }
    assert!(stacks.iter().all(|stack| *stack == stacks[0]), "{stacks:#?}");
    assert_eq!(query(&stacks[0].postgres_url, "SHOW fsync").await, [Some("off".into())]);
}

#[tokio::test]
async fn a_killed_server_is_started_again_by_the_next_up_and_the_others_stay() {
    let folder = Folder::new();
    let before = Stack::up(folder.path(), Profile::Test).await.unwrap();
    for killed in 0..3 {
        let before = Stack::up(folder.path(), Profile::Test).await.unwrap();
        kill(before.running[killed].pid).await;
        let after = Stack::up(folder.path(), Profile::Test).await.unwrap();
        for n in 0..3 {
            let same = before.running[n].pid == after.running[n].pid;
            assert_eq!(same, n != killed, "{before:#?} {after:#?}");
        }
    }
    let after = Stack::up(folder.path(), Profile::Test).await.unwrap();
    assert_eq!(after.postgres_url, before.postgres_url);
    assert_eq!(redis_command(&after.redis_url, "PING").await, "+PONG\r\n+OK\r\n");
}

#[tokio::test]
async fn a_killed_postgres_is_restarted_while_a_child_process_survives() {
    let folder = Folder::new();
    let stack = Stack::up(folder.path(), Profile::Test).await.unwrap();
    let parent = stack.running[0].pid;
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let child: u32 = children.unwrap().split_whitespace().next().unwrap().parse().unwrap();
    signal(child, Signal::SIGSTOP);
    kill(parent).await;
    let path = folder.path().to_owned();
    let up = tokio::spawn(Stack::up(path, Profile::Test));
    // Longer than all start attempts together.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert!(!up.is_finished());
    signal(child, Signal::SIGCONT);
    assert_eq!(up.await.unwrap().unwrap().postgres_url, stack.postgres_url);
}

#[tokio::test]
async fn servers_without_a_record_are_found_and_ended() {
    let folder = Folder::new();
    let lost = Stack::up(folder.path(), Profile::Test).await.unwrap();
    std::fs::remove_file(folder.path().join("stack.json")).unwrap();
    let new = Stack::up(folder.path(), Profile::Test).await.unwrap();
    assert!(lost.running.iter().all(|server| !runs(server.pid)));
    std::fs::remove_file(folder.path().join("stack.json")).unwrap();
    assert_eq!(Stack::down(folder.path()).await.unwrap(), ["nats", "redis", "postgres"]);
    assert!(new.running.iter().all(|server| !runs(server.pid)));
}

#[tokio::test]
async fn a_folder_with_mode_0700_can_be_used() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path()).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let stack = Stack::up(folder.path(), Profile::Test).await.unwrap();
    let data = query(&stack.postgres_url, "SHOW data_directory").await.remove(0).unwrap();
    let inside = Path::new(&data).starts_with(folder.path());
    assert_eq!(inside, !nix::unistd::geteuid().is_root(), "{data}");

    // Data that an earlier folder of the same path left elsewhere is not reused.
    query(&stack.postgres_url, "CREATE TABLE old (n int)").await;
    std::fs::remove_dir_all(folder.path()).unwrap();
    std::fs::create_dir(folder.path()).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let stack = Stack::up(folder.path(), Profile::Test).await.unwrap();
    let old = query(&stack.postgres_url, "SELECT relname FROM pg_class WHERE relname = 'old'");
    assert_eq!(old.await, []);

    Stack::remove(folder.path()).await.unwrap();
    assert!(!Path::new(&data).exists());
    assert!(!folder.path().exists());
}

#[tokio::test]
async fn another_profile_is_refused_while_servers_run() {
    let folder = Folder::new();
    Stack::up(folder.path(), Profile::Test).await.unwrap();
    let refused = Stack::up(folder.path(), Profile::Development).await.unwrap_err();
    assert!(refused.to_string().contains("profile Test, not Development"), "{refused}");
}

#[tokio::test]
async fn a_server_that_cannot_start_is_reported_with_its_error_and_log() {
    let folder = Folder::new();
    Stack::up(folder.path(), Profile::Test).await.unwrap();
    Stack::down(folder.path()).await.unwrap();
    let data = folder.path().join("postgres/data");
    std::fs::write(data.join("PG_VERSION"), "9.1\n").unwrap();
    let failed = Stack::up(folder.path(), Profile::Test).await.unwrap_err().to_string();
    assert!(failed.contains("postgres ended (exit status: 1) before it served"), "{failed}");
    assert!(failed.contains("postgres.log\n"), "{failed}");
    assert!(failed.contains("initialized by PostgreSQL version 9.1"), "{failed}");
    assert!(failed.contains("./dev down"), "{failed}");
}
