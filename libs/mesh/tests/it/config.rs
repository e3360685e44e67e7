//! Settings: their sources and precedence, and reporting all problems at once.

use mesh::config::{Config, Loader, Problems, Settings, Source};
use mesh::{Boot, BootError, Tasks};
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

fn load(
    flags: &[(&str, &str)],
    environment: &[(&str, &str)],
) -> Result<(Config, Settings), Problems> {
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    };
    let mut loader = Loader::new(&owned(flags), owned(environment));
    let config = Config::read(&mut loader);
    Ok((config, loader.finish()?))
}

fn file(text: &str) -> String {
    let path = std::env::temp_dir().join(format!("souk-{}.toml", uuid::Uuid::now_v7()));
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn precedence_is_flag_environment_file_default() {
    let file = file(
        "drain_seconds = 3\nlog = \"warn\"\nmax_concurrent_calls = 7\n\
         [database]\npool_size = 4\n[database.url]\ncatalog = \"postgres://file\"\n",
    );
    let environment =
        [("SOUK_CONFIG", file.as_str()), ("SOUK_LOG", "debug"), ("SOUK_MAX_CONCURRENT_CALLS", "8")];
    let (config, settings) = load(&[("max-concurrent-calls", "9")], &environment).unwrap();
    assert_eq!(config.server.max_concurrent_calls, 9);
    assert_eq!(config.telemetry.log, "debug");
    assert_eq!(config.server.drain_seconds, 3);
    assert_eq!(config.database.pool_size, 4);
    assert_eq!(config.server.grpc_listen.to_string(), "127.0.0.1:50051");
    let source = |name: &str| {
        settings.entries.iter().find(|setting| setting.name == name).unwrap().source.clone()
    };
    assert_eq!(source("SOUK_MAX_CONCURRENT_CALLS"), Source::Flag);
    assert_eq!(source("SOUK_LOG"), Source::Environment);
    assert_eq!(source("SOUK_DATABASE_URL_CATALOG"), Source::File(file.into()));
    assert_eq!(source("SOUK_GRPC_LISTEN"), Source::Default);
}

#[test]
fn maps_are_filled_from_names() {
    let (config, settings) = load(
        &[],
        &[
            ("SOUK_DATABASE_URL_CATALOG", "postgres://souk_catalog:geheim@db/souk_catalog"),
            ("SOUK_ENDPOINT_PRICING", "pricing:50051"),
            ("SOUK_TIMEOUT_MS_PRICING_SET_PRICE", "250"),
            ("SOUK_RATE_LIMIT_PER_MINUTE_PRICING_SET_PRICE", "600"),
            ("SOUK_NATS_URL", ""),
        ],
    )
    .unwrap();
    assert!(config.database.url["catalog"].expose_secret().contains("geheim"));
    assert_eq!(config.endpoints.uri("pricing").unwrap().to_string(), "http://pricing:50051/");
    let policy = contracts::policy("/souk.pricing.v1.PricingService/SetPrice").unwrap();
    assert_eq!(config.timeouts.of(policy).as_millis(), 250);
    let limit = config.rate_limit.of(policy);
    assert_eq!((limit.per_minute, limit.burst), (600, 150));
    let other = contracts::policy("/souk.pricing.v1.PricingService/GetPrice").unwrap();
    assert_eq!(config.rate_limit.of(other).per_minute, other.per_minute);
    assert!(config.nats.url.is_none(), "an empty variable is not set");
    let listing = settings.to_string();
    assert!(
        listing.contains("SOUK_DATABASE_URL_CATALOG=postgres://souk_catalog:***@db/souk_catalog")
    );
    assert!(!listing.contains("geheim") && !format!("{config:?}").contains("geheim"));
}

#[test]
fn all_problems_are_reported_at_once() {
    let file = file("grpc_listen = \"here\"\n[page]\nkey = 5\n");
    let environment = [
        ("SOUK_CONFIG", file.as_str()),
        ("SOUK_ADMIN_LISTEN", "9090"),
        ("SOUK_MAX_CONCURRENT_CALLS", "many"),
        ("SOUK_DRAIN_SECONDS", "-1"),
        ("SOUK_AUTH_ENABLED", "yes"),
        ("SOUK_AUTH_ISSUER", "x"),
        ("SOUK_DATABASE_URL_CATALOG", "mysql://db"),
        ("SOUK_DATABASE_POOL_SIZE", "0"),
        ("SOUK_ENDPOINT_PRICING", "pricing"),
        ("SOUK_TIMEOUT_MS_PRICING_SET_PRIZE", "5"),
        ("SOUK_RATE_LIMIT_PER_MINUTE_PRICING_SET_PRIZE", "5"),
        ("SOUK_RATE_LIMIT_PER_MINUTE_PRICING_SET_PRICE", "0"),
        ("SOUK_RATE_LIMIT_INSTANCES", "0"),
        ("SOUK_REDIS_CONNECT_TIMEOUT_MS", "10001"),
        ("SOUK_REDIS_COMMAND_TIMEOUT_MS", "0"),
        ("SOUK_RECONCILE_SAMPLE_SECONDS", "86401"),
        ("SOUK_RECONCILE_FULL_HOURS", "169"),
        ("SOUK_RECONCILE_CONFIRM_SECONDS", "0"),
        ("SOUK_NATS_REPLICAS", "2"),
        ("SOUK_NATS_MAX_BYTES", "1048575"),
        ("SOUK_LOG", "a=b=c"),
    ];
    let Problems(problems) = load(&[("no-such", "1")], &environment).unwrap_err();
    let named = [
        "grpc_listen:",
        "admin_listen:",
        "SOUK_MAX_CONCURRENT_CALLS:",
        "drain_seconds:",
        "SOUK_AUTH_ENABLED:",
        "page.key:",
        "database.url.catalog:",
        "database.pool_size:",
        "endpoint.pricing:",
        "timeout_ms.pricing_set_prize:",
        "rate_limit.per_minute.pricing_set_prize:",
        "rate_limit.per_minute.pricing_set_price:",
        "rate_limit.instances:",
        "redis.connect_timeout_ms:",
        "redis.command_timeout_ms:",
        "reconcile.sample_seconds:",
        "reconcile.full_hours:",
        "reconcile.confirm_seconds:",
        "nats.replicas:",
        "nats.max_bytes:",
        "log:",
        "no_such",
    ];
    for name in named {
        assert!(problems.iter().any(|problem| problem.contains(name)), "{name} in {problems:#?}");
    }
    assert_eq!(problems.len(), named.len(), "{problems:#?}");
}

#[test]
fn unknown_names_are_warned_about_except_those_of_tools() {
    let file = file("drain_secnds = 3\n[nats]\nurl = \"nats://x\"\nnope = 1\n");
    let environment = [
        ("SOUK_CONFIG", file.as_str()),
        ("SOUK_DRIAN_SECONDS", "3"),
        ("SOUK_ENDPOINT_CATALGO", "x:1"),
        ("SOUK_TEST_RECORD", "x"),
        ("SOUK_POSTGRES_BIN", "x"),
        ("SOUK_PID_CATALOG", "1"),
        ("SOUK_GRPC", "x"),
        ("SOUK_GRPC_CATALOG", "x"),
        ("SOUK_ADMIN_PRICING", "x"),
        ("SOUK_TOKEN", "x"),
    ];
    let (_, settings) = load(&[], &environment).unwrap();
    for name in ["SOUK_DRIAN_SECONDS", "catalgo", "drain_secnds", "nats.nope"] {
        let warned = settings.warnings.iter().any(|warning| warning.contains(name));
        assert!(warned, "{name} in {:#?}", settings.warnings);
    }
    assert_eq!(settings.warnings.len(), 4, "{:#?}", settings.warnings);
}

/// A user's JWT and key as `nsc` writes them; of no server.
const CREDS: &str = "-----BEGIN NATS USER JWT-----
eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.e30.c2lnbmF0dXJl
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
SUACH75SWCM5D2JMJM6EKLR2WDARVGZT4QC6LX3AGHSWOMVAKERABBBRWM
------END USER NKEY SEED------
";

#[tokio::test]
async fn credentials_are_read_at_startup_and_problems_with_them_are_named() {
    let begun = async |path: &str| {
        let environment = [("SOUK_NATS_URL", "nats://127.0.0.1:1"), ("SOUK_NATS_CREDS_FILE", path)];
        let (mut config, _) = load(&[], &environment).unwrap();
        config.server.grpc_listen.set_port(0);
        config.server.admin_listen.set_port(0);
        config.auth.enabled = false;
        let boot = Boot::bind(config, &[], Tasks::new(CancellationToken::new())).await;
        match boot {
            Ok(boot) => Ok(boot.bus().await.unwrap()),
            Err(BootError::Configuration(Problems(problems))) => Err(problems),
            Err(other) => panic!("{other}"),
        }
    };
    let bus = begun(&file(CREDS)).await.unwrap();
    assert_eq!(bus.settings().creds.as_ref().unwrap().expose_secret(), CREDS);
    assert!(!format!("{bus:?}").contains("SUACH75"), "they are a secret");

    for (path, problem) in
        [("/nowhere.creds".to_owned(), "No such file"), (file("x"), "credentials")]
    {
        let problems = begun(&path).await.unwrap_err();
        let [only] = problems.as_slice() else { panic!("{problems:#?}") };
        assert!(only.starts_with(&format!("nats.creds_file: {path}: ")), "{only}");
        assert!(only.contains(problem), "{only}");
    }
}

#[tokio::test]
async fn a_broker_that_no_url_can_mean_ends_the_start_without_showing_the_password() {
    let url = "nats://souk:s3cret@a:4222,nats://souk:other@b:4222";
    let (mut config, _) = load(&[], &[("SOUK_NATS_URL", url)]).unwrap();
    config.server.grpc_listen.set_port(0);
    config.server.admin_listen.set_port(0);
    config.auth.enabled = false;
    let boot = Boot::bind(config, &[], Tasks::new(CancellationToken::new())).await;
    let Err(BootError::Configuration(Problems(problems))) = boot else { panic!("it started") };
    assert_eq!(problems, ["nats.url: server 2: has another user or password than those before"]);
}

#[test]
fn every_setting_has_a_description() {
    let (_, settings) = load(&[], &[]).unwrap();
    assert!(settings.entries.len() > 20);
    for setting in &settings.entries {
        assert!(setting.doc.ends_with('.') && setting.doc.len() > 10, "{setting:?}");
        assert!(setting.name.starts_with("SOUK_"));
    }
    let of = |name: &str| settings.entries.iter().find(|setting| setting.name == name).unwrap();
    assert_eq!(of("SOUK_GRPC_LISTEN").value.as_deref(), Some("127.0.0.1:50051"));
    assert_eq!(of("SOUK_DRAIN_SECONDS").value.as_deref(), Some("10"));
    assert_eq!(of("SOUK_NATS_URL").value, None);
}
