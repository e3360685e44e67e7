//! The project folder of one test, for `./dev up`.

use async_nats::jetstream::Context;
use contracts::operations::v1::operations_service_client::OperationsServiceClient;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pricing_api::v1::pricing_service_client::PricingServiceClient;
use search_api::v1::search_service_client::SearchServiceClient;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use testkit::Caller;
use tokio_postgres::{Client, NoTls};
use tonic::transport::Endpoint;

/// The folder; dropping it ends its processes and removes it.
pub struct Project(PathBuf);

impl Project {
    pub fn new(name: &str) -> Self {
        let folder = PathBuf::from(format!("/var/tmp/souk-test-{name}-{}", std::process::id()));
        let dev = folder.join(".souk/dev");
        std::fs::create_dir_all(&dev).unwrap();
        // Ports of its own: two meshes that start at once would find the same default ones free.
        let [grpc, admin, http] = [(); 3].map(|()| stack::port::free(None).unwrap());
        let ports = serde_json::json!({ "all": { "grpc": grpc, "admin": admin, "http": http } });
        std::fs::write(dev.join("ports.json"), ports.to_string()).unwrap();
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The binary with arguments, in this folder and without settings of another mesh.
    pub fn souk(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_souk"));
        let other = |name: &str| name.starts_with("SOUK_") && !name.ends_with("_BIN");
        for (name, _) in std::env::vars().filter(|(name, _)| other(name)) {
            command.env_remove(name);
        }
        let tools = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.souk/tools/bin");
        command.env("PATH", format!("{tools}:{}", std::env::var("PATH").unwrap()));
        // No automatic repairs: they would interfere with the drift that tests create.
        for setting in ["SOUK_RECONCILE_SAMPLE_SECONDS", "SOUK_RECONCILE_FULL_HOURS"] {
            command.env(setting, "0");
        }
        command.args(arguments).current_dir(&self.0).stdin(Stdio::null());
        command
    }

    /// Runs a command that must succeed, and returns what it printed.
    pub fn run(&self, arguments: &[&str]) -> String {
        let done = self.souk(arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "souk {arguments:?}: {}\n{stderr}", done.status);
        String::from_utf8(done.stdout).unwrap()
    }

    /// Starts a command in the background.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.souk(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// A setting that `./dev up` has written for clients.
    pub fn setting(&self, name: &str) -> String {
        let file = std::fs::read_to_string(self.0.join(".souk/env")).unwrap();
        let settings: BTreeMap<String, String> = souk::environment::read(&file);
        settings.get(name).unwrap_or_else(|| panic!("{name} is not in {file}")).clone()
    }

    /// The process that serves the mesh.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.setting("SOUK_PID_ALL").parse().unwrap())
    }

    /// Sends a signal to the process that serves the mesh.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// A direct connection to the database of a service.
    pub async fn database(&self, role: &str) -> Client {
        let url = self.setting(&format!("SOUK_DATABASE_URL_{}", role.to_ascii_uppercase()));
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Waits until the metrics of the mesh contain this line.
    pub async fn wait_for_metric(&self, line: &str) {
        testkit::eventually(line, async || {
            self.metrics().lines().any(|found| found == line).then_some(())
        })
        .await;
    }

    /// The value of a series; 0 if it is not exported yet.
    pub fn metric(&self, series: &str) -> f64 {
        let text = self.metrics();
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().unwrap())
    }

    fn metrics(&self) -> String {
        let mut stream = std::net::TcpStream::connect(self.setting("SOUK_ADMIN")).unwrap();
        let request = "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    /// The broker, with the user that its URL names.
    pub async fn jetstream(&self) -> Context {
        let settings = bus::Settings::of(self.setting("SOUK_NATS_URL"));
        bus::Bus::connect(&settings).await.unwrap().jetstream().clone()
    }

    /// The broker's process.
    pub async fn broker(&self) -> Pid {
        let servers = stack::Stack::status(self.0.join(".souk/dev")).await.unwrap();
        let broker = servers.iter().find(|server| server.name == "nats").unwrap();
        Pid::from_raw(broker.pid.unwrap().try_into().unwrap())
    }

    pub fn search(&self) -> SearchServiceClient<Caller> {
        SearchServiceClient::new(self.caller())
    }

    pub fn pricing(&self) -> PricingServiceClient<Caller> {
        PricingServiceClient::new(self.caller())
    }

    pub fn operations(&self) -> OperationsServiceClient<Caller> {
        OperationsServiceClient::new(self.caller())
    }

    fn caller(&self) -> Caller {
        let address = format!("http://{}", self.setting("SOUK_GRPC"));
        let channel = Endpoint::from_shared(address).unwrap().connect_lazy();
        Caller::new(channel, Some(&self.setting("SOUK_TOKEN")))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let down = self.souk(&["dev", "down"]).output();
        if !std::thread::panicking() {
            assert!(down.unwrap().status.success());
            assert_eq!(leaks(&self.logs(), &self.secrets()), [""; 0], "secrets are logged");
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }
}

impl Project {
    /// What its processes have logged.
    fn logs(&self) -> String {
        let Ok(files) = std::fs::read_dir(self.0.join(".souk/dev/log")) else {
            return String::new();
        };
        files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
    }

    /// Signatures of tokens and passwords of addresses that its settings hold.
    fn secrets(&self) -> Vec<String> {
        let file = std::fs::read_to_string(self.0.join(".souk/env")).unwrap_or_default();
        let of = |(name, value): (String, String)| {
            if name.contains("TOKEN") {
                return value.rsplit_once('.').map(|(_, signature)| signature.to_owned());
            }
            let (_, rest) = value.split_once("://")?;
            let (_, password) = rest.split_once('@')?.0.split_once(':')?;
            Some(password.to_owned())
        };
        let secrets = souk::environment::read(&file).into_iter().filter_map(of);
        secrets.filter(|secret| !secret.is_empty()).collect()
    }
}

/// Lines of a log that hold a secret, any token or a private key.
fn leaks<'l>(log: &'l str, secrets: &[String]) -> Vec<&'l str> {
    // A token begins with `{"` in Base64.
    let always = ["Bearer ey", "PRIVATE KEY"];
    let is_leak = |line: &&str| {
        let token = line.split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
        let has_token =
            token.into_iter().any(|word| word.starts_with("eyJ") && word.matches('.').count() == 2);
        has_token
            || always.iter().any(|part| line.contains(part))
            || secrets.iter().any(|secret| line.contains(secret.as_str()))
    };
    log.lines().filter(is_leak).collect()
}

#[test]
fn tokens_passwords_and_keys_are_found_in_a_log() {
    let secrets = ["hunter2".to_owned()];
    for line in [
        r#"{"message":"refused eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"}"#,
        r#"{"authorization":"Bearer eyJ"}"#,
        "postgres://souk:hunter2@127.0.0.1/catalog is not there",
        "-----BEGIN PRIVATE KEY-----",
    ] {
        assert_eq!(leaks(&format!("fine\n{line}\nfine"), &secrets), [line]);
    }
    assert_eq!(leaks("postgres://souk@127.0.0.1/catalog is not there", &secrets), [""; 0]);
}
