//! Where the servers' programs are.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The first NATS that understands `sync_interval: always`.
const OLDEST_NATS: (u32, u32) = (2, 10);

/// The programs that a stack is made of; see [`Binaries::find`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// The folder that holds `initdb` and `postgres`.
    pub postgres: PathBuf,
    /// The program `redis-server`.
    pub redis: PathBuf,
    /// The program `nats-server`.
    pub nats: PathBuf,
}

/// A program that was not found; its `Display` says where it was looked for and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The server's name, as people write it.
    pub name: &'static str,
    /// Where it was looked for, and what was wrong with what was there.
    pub looked: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} not found ({}); run `./dev tools` to install it", self.name, self.looked)
    }
}

impl Binaries {
    /// Finds all three. For each, what the environment names (`SOUK_POSTGRES_BIN`,
    /// `SOUK_REDIS_BIN`, `SOUK_NATS_BIN`) is taken or refused, never passed over; then comes what
    /// `./dev` installed, because that version is the proved one; then the PATH.
    pub fn find() -> Result<Self, Vec<Missing>> {
        let here = std::env::current_dir().unwrap_or_default();
        Places {
            setting: &|name| std::env::var_os(name),
            here: &here,
            debian: Path::new("/usr/lib/postgresql"),
        }
        .find()
    }
}

/// What [`Binaries::find`] finds, looked for once per process, since NATS is asked its version.
pub(crate) fn once() -> anyhow::Result<Binaries> {
    static FOUND: OnceLock<Binaries> = OnceLock::new();
    if let Some(found) = FOUND.get() {
        return Ok(found.clone());
    }
    match Binaries::find() {
        Ok(found) => Ok(FOUND.get_or_init(|| found).clone()),
        Err(missing) => {
            let lines: Vec<_> = missing.iter().map(ToString::to_string).collect();
            Err(anyhow::anyhow!(lines.join("\n")))
        }
    }
}

/// What the search depends on, so that a test can lay it out.
struct Places<'a> {
    setting: &'a dyn Fn(&str) -> Option<OsString>,
    here: &'a Path,
    debian: &'a Path,
}

impl Places<'_> {
    fn find(&self) -> Result<Binaries, Vec<Missing>> {
        match (self.postgres(), self.redis(), self.nats()) {
            (Ok(postgres), Ok(redis), Ok(nats)) => Ok(Binaries { postgres, redis, nats }),
            (postgres, redis, nats) => {
                Err([postgres.err(), redis.err(), nats.err()].into_iter().flatten().collect())
            }
        }
    }

    fn postgres(&self) -> Result<PathBuf, Missing> {
        let missing = |looked| Missing { name: "PostgreSQL", looked };
        let whole = |dir: &PathBuf| dir.join("initdb").is_file() && dir.join("postgres").is_file();
        if let Some(named) = self.named("SOUK_POSTGRES_BIN") {
            return if whole(&named) {
                Ok(named)
            } else {
                Err(missing(format!(
                    "SOUK_POSTGRES_BIN names {}, which has no initdb and postgres",
                    named.display()
                )))
            };
        }
        self.path()
            .into_iter()
            .find(whole)
            .or_else(|| self.debian_postgres().into_iter().find(whole))
            .ok_or_else(|| {
                missing(format!(
                    "looked at SOUK_POSTGRES_BIN, PATH, {}/*/bin",
                    self.debian.display()
                ))
            })
    }

    /// Debian's versioned folders, newest first.
    fn debian_postgres(&self) -> Vec<PathBuf> {
        let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(self.debian)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
            .collect();
        versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        versions.into_iter().map(|(_, dir)| dir.join("bin")).collect()
    }

    fn redis(&self) -> Result<PathBuf, Missing> {
        let missing = |looked| Missing { name: "Redis", looked };
        if let Some(named) = self.named("SOUK_REDIS_BIN") {
            return if named.is_file() {
                Ok(named)
            } else {
                Err(missing(format!("SOUK_REDIS_BIN names {}, which is no file", named.display())))
            };
        }
        self.programs("redis-server")
            .next()
            .ok_or_else(|| missing("looked at SOUK_REDIS_BIN, .souk/tools/bin, PATH".into()))
    }

    fn nats(&self) -> Result<PathBuf, Missing> {
        let missing = |looked| Missing { name: "NATS", looked };
        if let Some(named) = self.named("SOUK_NATS_BIN") {
            return check_nats(&named)
                .map(|()| named)
                .map_err(|wrong| missing(format!("SOUK_NATS_BIN: {wrong}")));
        }
        let mut wrongs = String::new();
        for program in self.programs("nats-server") {
            match check_nats(&program) {
                Ok(()) => return Ok(program),
                Err(wrong) => wrongs.push_str(&format!("; {wrong}")),
            }
        }
        Err(missing(format!("looked at SOUK_NATS_BIN, .souk/tools/bin, PATH{wrongs}")))
    }

    fn named(&self, setting: &str) -> Option<PathBuf> {
        let value = (self.setting)(setting).filter(|value| !value.is_empty())?;
        Some(self.here.join(value))
    }

    /// Every program of that name: below the project that we stand in, then on the PATH.
    fn programs(&self, name: &'static str) -> impl Iterator<Item = PathBuf> {
        self.here
            .ancestors()
            .map(|dir| dir.join(".souk/tools/bin"))
            .chain(self.path())
            .map(move |dir| dir.join(name))
            .filter(|program| program.is_file())
    }

    fn path(&self) -> Vec<PathBuf> {
        let path = (self.setting)("PATH").unwrap_or_default();
        std::env::split_paths(&path).filter(|dir| dir.is_absolute()).collect()
    }
}

fn check_nats(program: &Path) -> Result<(), String> {
    let said = Command::new(program)
        .arg("--version")
        .output()
        .map_err(|error| format!("{} does not run: {error}", program.display()))?;
    let said = String::from_utf8_lossy(&said.stdout);
    match nats_version(&said) {
        Some(version) if version >= OLDEST_NATS => Ok(()),
        Some((major, minor)) => Err(format!(
            "{} is {major}.{minor}, at least {}.{} is needed",
            program.display(),
            OLDEST_NATS.0,
            OLDEST_NATS.1
        )),
        None => Err(format!("{} does not say its version", program.display())),
    }
}

/// Reads `nats-server: v2.15.1`.
fn nats_version(said: &str) -> Option<(u32, u32)> {
    let (_, version) = said.trim().rsplit_once('v')?;
    let mut numbers = version.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these programs in it, gone when dropped.
    struct Laid(PathBuf);

    impl Laid {
        fn out(name: &str, programs: &[(&str, &str)]) -> Self {
            use std::os::unix::fs::PermissionsExt;
            let root =
                std::env::temp_dir().join(format!("souk-find-{name}-{}", std::process::id()));
            for (path, script) in programs {
                let path = root.join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            }
            Self(root)
        }

        fn find(&self, settings: &[(&str, &str)]) -> Result<Binaries, Vec<Missing>> {
            let setting = |name: &str| {
                let (_, value) = settings.iter().find(|(known, _)| *known == name)?;
                Some(self.0.join(value).into_os_string())
            };
            let (here, debian) = (self.0.join("project/deep"), self.0.join("debian"));
            Places { setting: &setting, here: &here, debian: &debian }.find()
        }
    }

    impl Drop for Laid {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    const NEW_NATS: &str = "echo nats-server: v2.15.1";

    #[test]
    fn takes_the_newest_debian_postgres_and_the_projects_own_nats() {
        let laid = Laid::out(
            "newest",
            &[
                ("debian/9/bin/initdb", ""),
                ("debian/9/bin/postgres", ""),
                ("debian/15/bin/initdb", ""),
                ("debian/15/bin/postgres", ""),
                ("debian/16/bin/psql", ""),
                ("bin/redis-server", ""),
                ("bin/nats-server", NEW_NATS),
                ("project/.souk/tools/bin/nats-server", NEW_NATS),
            ],
        );
        let found = laid.find(&[("PATH", "bin")]).unwrap();
        assert_eq!(found.postgres, laid.0.join("debian/15/bin"));
        assert_eq!(found.redis, laid.0.join("bin/redis-server"));
        assert_eq!(found.nats, laid.0.join("project/.souk/tools/bin/nats-server"));
    }

    #[test]
    fn names_everything_that_is_missing_and_the_fix() {
        let laid = Laid::out("missing", &[("bin/nats-server", "echo nats-server: v2.9.10")]);
        let missing = laid.find(&[("PATH", "bin"), ("SOUK_REDIS_BIN", "nowhere")]).unwrap_err();
        let said: Vec<String> = missing.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 3);
        assert!(said.iter().all(|line| line.contains("./dev tools")), "{said:?}");
        assert!(said[1].contains("SOUK_REDIS_BIN names"), "{said:?}");
        assert!(said[2].contains("is 2.9, at least 2.10 is needed"), "{said:?}");
    }
}
