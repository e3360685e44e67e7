use super::health::{self, Outcome};
use super::places::{Places, write_private};
use super::ports::{ALL, Ledger, Ports};
use super::process;
use super::secrets::Secrets;
use crate::commands::{migrate, roles, token};
use crate::{environment, say};
use anyhow::{Context, Result};
use mesh::auth::all_scopes;
use mesh::identity::{generate_keys, keys_folder};
use mesh::{Config, config::Server};
use secrecy::ExposeSecret;
use stack::{Profile, Stack};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A token is written anew once the file is older than this, long before it expires.
const FRESH: Duration = Duration::from_secs(7 * 86_400);
const TOKEN_LIFETIME: Duration = Duration::from_secs(30 * 86_400);

type Variables = BTreeMap<String, String>;

/// Makes sure that servers and mesh run and are ready: one process, or one for each named role.
pub async fn up(named: &[String]) -> Result<()> {
    let places = Places::here()?;
    let _lock = places.lock().await?;
    let wanted: Vec<&str> = match named.is_empty() || named.iter().any(|name| name == ALL) {
        true => vec![ALL],
        false => roles(named),
    };
    say::note("servers: PostgreSQL, Redis, NATS");
    let servers = Stack::up(places.dev(), Profile::Development).await?;
    let shared = prepare(&places, &servers).await?;

    let mut ledger = Ledger::read(&places);
    let mut pids = leave(&places, &wanted, &shared, &ledger).await?;
    // Roles that do not run are assigned ports too: whoever calls them needs to know where they will be.
    let others = if wanted == [ALL] { Vec::new() } else { crate::role_names().to_vec() };
    for role in wanted.iter().copied().chain(others) {
        if !pids.contains_key(role) {
            ledger.assign(role)?;
        }
    }
    ledger.write(&places)?;

    for role in wanted {
        if !pids.contains_key(role) {
            say::note(format_args!("starting {role}; log: {}", places.log(role).display()));
            let pid = process::start(&places, role, &settings(role, &shared, &ledger)?)?;
            pids.insert(role.to_owned(), pid);
        }
    }
    for (role, pid) in &pids {
        let admin = ports(&ledger, role)?.admin();
        let outcome = health::wait(&places, *pid, &admin).await;
        if outcome != Outcome::Ready {
            return Err(health::explain(&places, role, &admin, outcome));
        }
    }
    publish(&places, for_clients(shared, &servers, &pids, &ledger)?)?;
    say::line(format_args!("ready; `. {}` in a shell, `./dev down` to stop", environment::FILE));
    Ok(())
}

/// Everything that a client needs, but for the token. Says the addresses too.
fn for_clients(
    mut variables: Variables,
    servers: &Stack,
    pids: &BTreeMap<String, u32>,
    ledger: &Ledger,
) -> Result<Variables> {
    // Only the processes themselves need the key of page tokens.
    variables.remove("SOUK_PAGE_KEY");
    for server in &servers.running {
        let name = server.name.to_ascii_uppercase();
        variables.insert(format!("SOUK_PID_{name}"), server.pid.to_string());
    }
    for (role, pid) in pids {
        let (ports, name) = (ports(ledger, role)?, role.to_ascii_uppercase());
        let end = if role == ALL { String::new() } else { format!("_{name}") };
        variables.insert(format!("SOUK_PID_{name}"), pid.to_string());
        variables.insert(format!("SOUK_GRPC{end}"), ports.grpc());
        variables.insert(format!("SOUK_ADMIN{end}"), ports.admin());
        say::line(format_args!("{role}: gRPC {}, admin http://{}", ports.grpc(), ports.admin()));
    }
    Ok(variables)
}

/// Databases, keys, migrations: all that is done once. Returns the settings that every process shares.
async fn prepare(places: &Places, servers: &Stack) -> Result<Variables> {
    let secrets = Secrets::keep(places)?;
    let keys = keys(places);
    generate_keys(&keys).context("make the key that signs tokens")?;

    let superuser = servers.postgres_url.clone().into();
    let mut config = Config::default();
    for role in crate::role_names() {
        let (name, password) = (format!("souk_{role}"), secrets.password(role));
        let created = pg::provision::create(&superuser, &name, password).await;
        created
            .map_err(|fault| anyhow::anyhow!("create the database {name}: {}", fault.chain()))?;
        let url = owned(&pg::provision::at(&servers.postgres_url, &name), &name, password);
        config.database.url.insert(role.to_owned(), url.into());
        for migration in migrate::migrate(&config, role, false).await? {
            say::note(format_args!("{role}: ran {migration}"));
        }
    }

    let path = |path: &Path| path.display().to_string();
    let mut variables = Variables::from([
        ("SOUK_NATS_URL".to_owned(), servers.nats_url.clone()),
        ("SOUK_REDIS_URL".to_owned(), servers.redis_url.clone()),
        ("SOUK_DATA_DIR".to_owned(), path(&places.data())),
        ("SOUK_AUTH_SIGNING_KEY_FILE".to_owned(), path(&keys.join("signing.pem"))),
        ("SOUK_AUTH_JWKS_FILE".to_owned(), path(&keys.join("jwks.json"))),
        ("SOUK_PAGE_KEY".to_owned(), secrets.page_key),
    ]);
    for (role, url) in config.database.url {
        let name = format!("SOUK_DATABASE_URL_{}", role.to_ascii_uppercase());
        variables.insert(name, url.expose_secret().to_owned());
    }
    Ok(variables)
}

fn keys(places: &Places) -> PathBuf {
    keys_folder(&Server { data_dir: places.data(), ..Server::default() })
}

/// The same database, as another user.
fn owned(url: &str, user: &str, password: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let end = rest.find('/').unwrap_or(rest.len());
    let host = rest[..end].rsplit_once('@').map_or(&rest[..end], |(_, host)| host);
    format!("{scheme}://{user}:{password}@{host}{}", &rest[end..])
}

/// What of the mesh goes on, by role. Processes that are not as they should be are ended, and it says why; one that is just ending
/// is waited for.
async fn leave(
    places: &Places,
    wanted: &[&str],
    shared: &Variables,
    ledger: &Ledger,
) -> Result<BTreeMap<String, u32>> {
    let program = std::env::current_exe().context("find this program")?;
    let (mut stay, mut go) = (BTreeMap::new(), Vec::new());
    for own in process::running(places) {
        let moved = |(name, value): (&String, &String)| {
            own.settings.get(name).is_some_and(|known| known != value)
        };
        let ports = ledger.of(&own.role);
        let why = if (own.role == ALL) != (wanted == [ALL]) {
            "roles are cut otherwise"
        } else if own.program.as_ref() != Some(&program) {
            "it runs another build"
        } else if shared.iter().any(moved) || ports.is_none() {
            "it was told other addresses or secrets"
        } else {
            let admin = ports.map(|ports| ports.admin()).unwrap_or_default();
            if health::wait(places, own.pid, &admin).await != Outcome::Ended {
                stay.insert(own.role, own.pid);
            }
            continue;
        };
        say::note(format_args!("stopping {} (pid {}): {why}", own.role, own.pid));
        go.push(own);
    }
    process::end(places, &go).await?;
    Ok(stay)
}

/// The settings of one process.
fn settings(role: &str, shared: &Variables, ledger: &Ledger) -> Result<Variables> {
    let own = ports(ledger, role)?;
    let mut settings = shared.clone();
    settings.insert("SOUK_GRPC_LISTEN".to_owned(), own.grpc());
    settings.insert("SOUK_ADMIN_LISTEN".to_owned(), own.admin());
    if role != ALL {
        for other in crate::role_names().into_iter().filter(|other| *other != role) {
            let name = format!("SOUK_ENDPOINT_{}", other.to_ascii_uppercase());
            settings.insert(name, ports(ledger, other)?.grpc());
        }
        // A role reaches its own database and no other.
        settings.retain(|name, _| {
            let of = name.strip_prefix("SOUK_DATABASE_URL_");
            of.is_none_or(|of| of.eq_ignore_ascii_case(role))
        });
    }
    Ok(settings)
}

fn ports(ledger: &Ledger, role: &str) -> Result<Ports> {
    ledger.of(role).with_context(|| format!("{role} has no ports"))
}

/// Writes what clients need. Where nothing changed, the file stays as it is, token and all.
fn publish(places: &Places, mut variables: Variables) -> Result<()> {
    let path = places.env();
    let mut known = environment::read(&std::fs::read_to_string(&path).unwrap_or_default());
    let token = known.remove("SOUK_TOKEN");
    let written = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified()).ok();
    let (file, key) = (written(&path), written(&keys(places).join("signing.pem")));
    // A token that another key signed is of no use.
    let fresh =
        file >= key && file.and_then(|time| time.elapsed().ok()).is_some_and(|age| age < FRESH);
    if token.is_some() && fresh && known == variables {
        return Ok(());
    }
    let mut config = Config::default();
    config.server.data_dir = places.data();
    let token = token::mint(&config, "developer", &all_scopes(), TOKEN_LIFETIME)?;
    variables.insert("SOUK_TOKEN".to_owned(), token.expose_secret().to_owned());
    write_private(&path, &environment::write(&variables))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gets_another_user() {
        assert_eq!(
            owned("postgres://postgres:x@127.0.0.1:5432/souk_a?k=v", "souk_a", "p"),
            "postgres://souk_a:p@127.0.0.1:5432/souk_a?k=v"
        );
        assert_eq!(owned("postgres://h:1/d", "u", "p"), "postgres://u:p@h:1/d");
    }

    #[test]
    fn a_role_that_runs_apart_knows_its_neighbors_and_only_its_own_database() {
        let mut ledger = Ledger::default();
        for role in crate::role_names() {
            ledger.assign(role).unwrap();
        }
        let shared = crate::role_names().map(|role| {
            (
                format!("SOUK_DATABASE_URL_{}", role.to_ascii_uppercase()),
                format!("postgres://{role}"),
            )
        });
        let settings = settings("pricing", &Variables::from(shared), &ledger).unwrap();
        let names: Vec<&str> = settings.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "SOUK_ADMIN_LISTEN",
                "SOUK_DATABASE_URL_PRICING",
                "SOUK_ENDPOINT_CATALOG",
                "SOUK_ENDPOINT_SEARCH",
                "SOUK_GRPC_LISTEN"
            ]
        );
    }
}
