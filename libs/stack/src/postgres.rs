//! PostgreSQL, listening on 127.0.0.1 only, with a superuser without a password.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use nix::unistd::{User, geteuid};
use tokio::time::{Instant, sleep};
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use crate::find::Binaries;
use crate::launch::{Account, Launch};
use crate::process::Identity;
use crate::record::{Profile, short_hash};
use crate::server::Server;

const SUPERUSER: &str = "postgres";

/// Any local user may connect, without a password.
const HOST_BASED_AUTHENTICATION: &str = "host all all 127.0.0.1/32 trust\n\
                                         host replication all 127.0.0.1/32 trust\n";

/// PostgreSQL in a folder.
pub struct Postgres {
    home: PathBuf,
    /// Symbolic link to `home`, if that is outside the stack's folder. If the link is missing, the
    /// data in `home` is left over from a stack folder that was removed.
    link: Option<PathBuf>,
    log: PathBuf,
    identity: Identity,
    profile: Profile,
    account: Option<Account>,
}

impl Postgres {
    pub fn new(folder: &Path, profile: Profile) -> Result<Self> {
        let account = account()?;
        let inside = folder.join("postgres");
        let (home, link) = match account {
            Some(_) if !inside.join("data").is_dir() || inside.is_symlink() => home(folder, inside),
            _ => (inside, None),
        };
        let identity = Identity { program: "postgres", mark: home.join("data") };
        Ok(Self { home, link, log: folder.join("postgres.log"), identity, profile, account })
    }

    /// Waits for the child processes of a server that was killed. They exit by themselves, which can
    /// take seconds on a busy disk; until then they use the shared memory and a new server does not
    /// start.
    async fn wait_for_children(&self) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(60);
        while let Some(pid) = self.identity.working_in(&self.identity.mark) {
            if until < Instant::now() {
                bail!("process {pid} of a PostgreSQL that was killed still runs; end it");
            }
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Creates the data folder under another name first, so that an incomplete one is never used.
    async fn initialize(&self, binaries: &Binaries) -> Result<()> {
        let (data, new) = (&self.identity.mark, self.home.join("data.new"));
        for stale in [data, &new] {
            if stale.exists() {
                std::fs::remove_dir_all(stale)?;
            }
        }
        let mut command = tokio::process::Command::new(binaries.postgres.join("initdb"));
        command.args(["--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8"]);
        command.args(["--locale", "C.UTF-8"]);
        if self.profile == Profile::Test {
            command.arg("--no-sync");
        }
        command.arg("--pgdata").arg(&new).current_dir(&self.home).stdin(Stdio::null());
        if let Some(account) = self.account {
            command.uid(account.uid).gid(account.gid);
        }
        let made = command.output().await.context("run initdb")?;
        if !made.status.success() {
            bail!("initdb {}: {}", made.status, String::from_utf8_lossy(&made.stderr).trim());
        }
        std::fs::write(new.join("pg_hba.conf"), HOST_BASED_AUTHENTICATION)?;
        std::fs::rename(&new, data)?;
        Ok(())
    }
}

impl Server for Postgres {
    const NAME: &'static str = "postgres";
    /// Fast shutdown, then immediate shutdown; SIGKILL would leave child processes and shared memory.
    const STOP_SIGNALS: &'static [Signal] = &[Signal::SIGINT, Signal::SIGQUIT];

    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn log(&self) -> &Path {
        &self.log
    }

    fn dir(&self) -> &Path {
        &self.home
    }

    async fn prepare(&self, binaries: &Binaries) -> Result<()> {
        let linked = |link| std::fs::read_link(link).is_ok_and(|home| home == self.home);
        if self.identity.mark.exists() && self.link.as_ref().is_none_or(linked) {
            return self.wait_for_children().await;
        }
        std::fs::create_dir_all(&self.home)
            .with_context(|| format!("make the folder {}", self.home.display()))?;
        if let Some(account) = self.account {
            // Any user may create folders in /var/tmp, and may have created this one.
            let found = std::fs::symlink_metadata(&self.home)?;
            if !found.is_dir() || ![0, account.uid].contains(&found.uid()) {
                bail!("{} is not ours; remove it and try again", self.home.display());
            }
            chown(&self.home, Some(account.uid), Some(account.gid))?;
        }
        self.initialize(binaries)
            .await
            .with_context(|| format!("make a database folder in {}", self.home.display()))?;
        if let Some(link) = &self.link {
            let _ = std::fs::remove_file(link);
            symlink(&self.home, link)?;
        }
        Ok(())
    }

    fn launch(&self, binaries: &Binaries, port: u16) -> Result<Launch> {
        let mut settings = vec![
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=300",
            "timezone=UTC",
            "log_timezone=UTC",
            "log_line_prefix=%m [%p] %q%u@%d ",
        ];
        if self.profile == Profile::Test {
            settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"]);
        }
        let mut args = vec!["-D".into(), self.identity.mark.clone().into_os_string()];
        args.extend(["-p".into(), port.to_string().into()]);
        args.extend(settings.into_iter().flat_map(|setting| ["-c".into(), setting.into()]));
        Ok(Launch {
            program: binaries.postgres.join("postgres"),
            args,
            dir: self.home.clone(),
            account: self.account,
        })
    }

    async fn answers(&self, port: u16) -> Result<()> {
        let (client, connection) = match tokio_postgres::connect(&self.url(port), NoTls).await {
            // All connections are in use, so it serves.
            Err(error) if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) => return Ok(()),
            connected => connected?,
        };
        let connection = tokio::spawn(connection);
        let row = client.query_one("SHOW data_directory", &[]).await;
        drop(client);
        let _ = connection.await;
        let data: String = row?.get(0);
        if Path::new(&data) != self.identity.mark {
            bail!("what answers on port {port} is another server, of {data}");
        }
        Ok(())
    }

    fn url(&self, port: u16) -> String {
        format!("postgres://{SUPERUSER}@127.0.0.1:{port}/postgres")
    }
}

/// PostgreSQL does not run as root, so as root we run it as another user.
fn account() -> Result<Option<Account>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name).context("look up a user")? {
            return Ok(Some(Account { uid: user.uid.as_raw(), gid: user.gid.as_raw() }));
        }
    }
    bail!(
        "PostgreSQL does not run as root, and there is no user `postgres` to run it as; make one (useradd --system postgres)"
    )
}

/// The folder for new data: in the stack's folder if other users can enter that, else in `/var/tmp`,
/// together with the path of a link to it.
fn home(folder: &Path, inside: PathBuf) -> (PathBuf, Option<PathBuf>) {
    if is_accessible(folder) && !inside.is_symlink() {
        return (inside, None);
    }
    (Path::new("/var/tmp").join(format!("souk-{}", short_hash(folder))), Some(inside))
}

fn is_accessible(folder: &Path) -> bool {
    folder.ancestors().all(|dir| {
        // A folder that does not exist yet will be created with access for all.
        std::fs::metadata(dir).map_or(true, |found| found.permissions().mode() & 0o001 != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_lies_elsewhere_when_the_folder_is_closed_to_others() {
        let folder = std::env::temp_dir().join(format!("souk-closed-{}", std::process::id()));
        let project = folder.join("project");
        std::fs::create_dir_all(&project).unwrap();
        let inside = project.join("postgres");
        assert_eq!(home(&project, inside.clone()), (inside.clone(), None));
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
        let (elsewhere, link) = home(&project, inside.clone());
        assert!(elsewhere.starts_with("/var/tmp"));
        assert_eq!(link, Some(inside));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
