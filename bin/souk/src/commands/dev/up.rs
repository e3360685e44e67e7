use super::health::{self, Outcome};
use super::paths::Paths;
use super::ports::{ALL, PortMap, Ports};
use super::process;
use super::secrets::Secrets;
use crate::commands::{migrate, token};
use crate::{environment, output, roles};
use anyhow::{Context, Result};
use mesh::auth::all_scopes;
use mesh::identity::generate_keys;
use mesh::{Config, config::Server};
use secrecy::ExposeSecret;
use stack::{Profile, Stack, write_private};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Age of the file at which the token is renewed, long before it expires.
const TOKEN_MAX_AGE: Duration = Duration::from_secs(7 * 86_400);
const TOKEN_LIFETIME: Duration = Duration::from_secs(30 * 86_400);

/// Begins the settings of limits, which whoever starts a mesh may set in the shell: a load test does.
const LIMITS: &str = "SOUK_RATE_LIMIT_";

type Variables = BTreeMap<String, String>;

/// Starts servers and mesh, unless they run, and waits until they are ready: one process, or one for each named role.
pub async fn up(named: &[String]) -> Result<()> {
    let paths = Paths::here()?;
    let _lock = paths.lock().await?;
    let wanted: Vec<&str> = match named.is_empty() || named.iter().any(|name| name == ALL) {
        true => vec![ALL],
        false => roles::named(named),
    };
    output::note("servers: PostgreSQL, Redis, NATS");
    let servers = Stack::up(paths.dev(), Profile::Development).await?;
    let shared = prepare(&paths, &servers).await?;

    let mut port_map = PortMap::read(&paths);
    let mut pids = stop_outdated(&paths, &wanted, &shared, &port_map).await?;
    // Roles that do not run get ports too, because other roles need their endpoints as settings.
    let others = if wanted == [ALL] { Vec::new() } else { crate::role_names().to_vec() };
    for role in wanted.iter().copied().chain(others) {
        if !pids.contains_key(role) {
            port_map.assign(role)?;
        }
    }
    port_map.write(&paths)?;

    for role in wanted {
        if !pids.contains_key(role) {
            output::note(format_args!("starting {role}; log: {}", paths.log(role).display()));
            let pid = process::start(&paths, role, &settings(role, &shared, &port_map)?)?;
            pids.insert(role.to_owned(), pid);
        }
    }
    for (role, pid) in &pids {
        let admin = ports(&port_map, role)?.admin();
        let outcome = health::wait(&paths, *pid, &admin).await;
        if outcome != Outcome::Ready {
            return Err(health::explain(&paths, role, &admin, outcome));
        }
    }
    write_client_file(&paths, client_variables(shared, &servers, &pids, &port_map)?)?;
    output::line(format_args!("ready; `. {}` in a shell, `./dev down` to stop", environment::FILE));
    Ok(())
}

/// The variables for clients, without the token. Also prints the addresses.
fn client_variables(
    mut variables: Variables,
    servers: &Stack,
    pids: &BTreeMap<String, u32>,
    port_map: &PortMap,
) -> Result<Variables> {
    // Clients do not need the key of page tokens, and a shell that reads the file keeps no limits for the next mesh.
    variables.retain(|name, _| name != "SOUK_PAGE_KEY" && !name.starts_with(LIMITS));
    for server in &servers.running {
        let name = server.name.to_ascii_uppercase();
        variables.insert(format!("SOUK_PID_{name}"), server.pid.to_string());
    }
    for (role, pid) in pids {
        let (ports, name) = (ports(port_map, role)?, role.to_ascii_uppercase());
        let end = if role == ALL { String::new() } else { format!("_{name}") };
        variables.insert(format!("SOUK_PID_{name}"), pid.to_string());
        variables.insert(format!("SOUK_GRPC{end}"), ports.grpc());
        variables.insert(format!("SOUK_ADMIN{end}"), ports.admin());
        variables.insert(format!("SOUK_HTTP{end}"), ports.http());
        output::line(format_args!(
            "{role}: gRPC {}, HTTP http://{}, admin http://{}",
            ports.grpc(),
            ports.http(),
            ports.admin()
        ));
    }
    Ok(variables)
}

/// Creates databases and keys, and runs migrations. Returns the settings that all processes share.
async fn prepare(paths: &Paths, servers: &Stack) -> Result<Variables> {
    let secrets = Secrets::load_or_create(paths)?;
    let keys = keys(paths);
    generate_keys(&keys).context("make the key that signs tokens")?;

    let superuser = servers.postgres_url.clone().into();
    let mut config = Config::default();
    for role in roles::with_database() {
        let (name, password) = (format!("souk_{role}"), secrets.password(role));
        let created = pg::provision::create(&superuser, &name, password).await;
        created
            .map_err(|fault| anyhow::anyhow!("create the database {name}: {}", fault.chain()))?;
        let url = with_user(&pg::provision::at(&servers.postgres_url, &name), &name, password);
        config.database.url.insert(role.to_owned(), url.into());
        for migration in migrate::migrate(&config, role, false).await? {
            output::note(format_args!("{role}: ran {migration}"));
        }
    }

    let path = |path: &Path| path.display().to_string();
    let mut variables = Variables::from([
        ("SOUK_NATS_URL".to_owned(), servers.nats_url.clone()),
        ("SOUK_REDIS_URL".to_owned(), servers.redis_url.clone()),
        ("SOUK_DATA_DIR".to_owned(), path(&paths.data())),
        ("SOUK_AUTH_SIGNING_KEY_FILE".to_owned(), path(&keys.join("signing.pem"))),
        ("SOUK_AUTH_JWKS_FILE".to_owned(), path(&keys.join("jwks.json"))),
        ("SOUK_PAGE_KEY".to_owned(), secrets.page_key),
    ]);
    let given = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok().filter(|name| name.starts_with(LIMITS))?;
        Some((name, value.into_string().ok()?))
    });
    variables.extend(given);
    for (role, url) in config.database.url {
        let name = format!("SOUK_DATABASE_URL_{}", role.to_ascii_uppercase());
        variables.insert(name, url.expose_secret().to_owned());
    }
    Ok(variables)
}

fn limits(settings: &Variables) -> impl Iterator<Item = (&String, &String)> {
    settings.iter().filter(|(name, _)| name.starts_with(LIMITS))
}

fn keys(paths: &Paths) -> PathBuf {
    Server { data_dir: paths.data(), ..Server::default() }.keys_folder()
}

/// Replaces the user and password of a URL.
fn with_user(url: &str, user: &str, password: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let end = rest.find('/').unwrap_or(rest.len());
    let host = rest[..end].rsplit_once('@').map_or(&rest[..end], |(_, host)| host);
    format!("{scheme}://{user}:{password}@{host}{}", &rest[end..])
}

/// Stops processes of the mesh that do not match the wanted roles, this build or the current settings, and prints why. Waits for
/// processes that are exiting. Returns the pids of those that keep running, by role.
async fn stop_outdated(
    paths: &Paths,
    wanted: &[&str],
    shared: &Variables,
    port_map: &PortMap,
) -> Result<BTreeMap<String, u32>> {
    let program = std::env::current_exe().context("find this program")?;
    let (mut current, mut outdated) = (BTreeMap::new(), Vec::new());
    for own in process::running(paths) {
        let moved = |(name, value): (&String, &String)| {
            own.settings.get(name).is_some_and(|known| known != value)
        };
        let ports = port_map.of(&own.role);
        let why = if (own.role == ALL) != (wanted == [ALL]) {
            "roles are distributed differently"
        } else if own.program.as_ref() != Some(&program) {
            "it runs another build"
        } else if !limits(shared).eq(limits(&own.settings)) {
            "it limits callers differently"
        } else if shared.iter().any(moved) || ports.is_none() {
            "it has other addresses or secrets"
        } else {
            let admin = ports.map(|ports| ports.admin()).unwrap_or_default();
            if health::wait(paths, own.pid, &admin).await != Outcome::Ended {
                current.insert(own.role, own.pid);
            }
            continue;
        };
        output::note(format_args!("stopping {} (pid {}): {why}", own.role, own.pid));
        outdated.push(own);
    }
    process::end(paths, &outdated).await?;
    Ok(current)
}

/// The settings of one process.
fn settings(role: &str, shared: &Variables, port_map: &PortMap) -> Result<Variables> {
    let own = ports(port_map, role)?;
    let mut settings = shared.clone();
    settings.insert("SOUK_GRPC_LISTEN".to_owned(), own.grpc());
    settings.insert("SOUK_ADMIN_LISTEN".to_owned(), own.admin());
    settings.insert("SOUK_HTTP_LISTEN".to_owned(), own.http());
    if role != ALL {
        for other in crate::role_names().into_iter().filter(|other| *other != role) {
            let name = format!("SOUK_ENDPOINT_{}", other.to_ascii_uppercase());
            settings.insert(name, ports(port_map, other)?.grpc());
        }
        // A role gets only the URL of its own database.
        settings.retain(|name, _| {
            let of = name.strip_prefix("SOUK_DATABASE_URL_");
            of.is_none_or(|of| of.eq_ignore_ascii_case(role))
        });
    }
    Ok(settings)
}

fn ports(port_map: &PortMap, role: &str) -> Result<Ports> {
    port_map.of(role).with_context(|| format!("{role} has no ports"))
}

/// Writes the file with the variables for clients. If nothing has changed and the token is fresh, the file is left as it is.
fn write_client_file(paths: &Paths, mut variables: Variables) -> Result<()> {
    let path = paths.env();
    let mut known = environment::read(&std::fs::read_to_string(&path).unwrap_or_default());
    let token = known.remove("SOUK_TOKEN");
    let written = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified()).ok();
    let (file, key) = (written(&path), written(&keys(paths).join("signing.pem")));
    // A token that is older than the key was signed with another key.
    let age = file.and_then(|time| time.elapsed().ok());
    let fresh = file >= key && age.is_some_and(|age| age < TOKEN_MAX_AGE);
    if token.is_some() && fresh && known == variables {
        return Ok(());
    }
    let mut config = Config::default();
    config.server.data_dir = paths.data();
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
            with_user("postgres://postgres:x@127.0.0.1:5432/souk_a?k=v", "souk_a", "p"),
            "postgres://souk_a:p@127.0.0.1:5432/souk_a?k=v"
        );
        assert_eq!(with_user("postgres://h:1/d", "u", "p"), "postgres://u:p@h:1/d");
    }

    #[test]
    fn a_separate_role_gets_all_endpoints_and_only_its_own_database() {
        let mut port_map = PortMap::default();
        for role in crate::role_names() {
            port_map.assign(role).unwrap();
        }
        let shared = crate::role_names().into_iter().map(|role| {
            (
                format!("SOUK_DATABASE_URL_{}", role.to_ascii_uppercase()),
                format!("postgres://{role}"),
            )
        });
        let settings = settings("pricing", &Variables::from_iter(shared), &port_map).unwrap();
        let names: Vec<&str> = settings.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "SOUK_ADMIN_LISTEN",
                "SOUK_DATABASE_URL_PRICING",
                "SOUK_ENDPOINT_ANALYTICS",
                "SOUK_ENDPOINT_CATALOG",
                "SOUK_ENDPOINT_GATEWAY",
                "SOUK_ENDPOINT_SEARCH",
                "SOUK_ENDPOINT_WAREHOUSE",
                "SOUK_GRPC_LISTEN",
                "SOUK_HTTP_LISTEN"
            ]
        );
    }
}
