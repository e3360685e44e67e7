//! Finds the programs of the servers.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The first version of NATS that supports `sync_interval: always`.
const MIN_NATS_VERSION: (u32, u32) = (2, 10);

/// Paths of the programs of a stack; see [`Binaries::find`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// The folder that holds `initdb` and `postgres`.
    pub postgres: PathBuf,
    /// The program `redis-server`.
    pub redis: PathBuf,
    /// The program `nats-server`.
    pub nats: PathBuf,
}

/// A program that was not found. Its `Display` lists the searched places and how to install it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Display name of the server.
    pub name: &'static str,
    /// The searched places, and why programs that were found there cannot be used.
    pub looked: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} not found ({}); run `./dev tools` to install it", self.name, self.looked)
    }
}

impl Binaries {
    /// Finds all three programs. If the environment variable of one (`SOUK_POSTGRES_BIN`,
    /// `SOUK_REDIS_BIN`, `SOUK_NATS_BIN`) is set, only that path is used. Otherwise `.souk/tools/bin`,
    /// where `./dev` installs pinned versions of some, is searched before the PATH, and for PostgreSQL
    /// the PATH before Debian's folders.
    pub fn find() -> Result<Self, Vec<Missing>> {
        let here = std::env::current_dir().unwrap_or_default();
        Search {
            setting: &|name| std::env::var_os(name),
            here: &here,
            debian: Path::new("/usr/lib/postgresql"),
        }
        .find()
    }
}

/// The cached result of [`Binaries::find`], which runs `nats-server --version`.
pub(crate) fn find_cached() -> anyhow::Result<Binaries> {
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

/// The inputs of the search, so that a test can set them.
struct Search<'a> {
    setting: &'a dyn Fn(&str) -> Option<OsString>,
    here: &'a Path,
    debian: &'a Path,
}

impl Search<'_> {
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

    /// All programs of that name: in `.souk/tools/bin` of the current folder and its parents, then on
    /// the PATH.
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
    let output = Command::new(program)
        .arg("--version")
        .output()
        .map_err(|error| format!("{} does not run: {error}", program.display()))?;
    let output = String::from_utf8_lossy(&output.stdout);
    match nats_version(&output) {
        Some(version) if version >= MIN_NATS_VERSION => Ok(()),
        Some((major, minor)) => Err(format!(
            "{} is {major}.{minor}, at least {}.{} is needed",
            program.display(),
            MIN_NATS_VERSION.0,
            MIN_NATS_VERSION.1
        )),
        None => Err(format!("{} does not print its version", program.display())),
    }
}

/// Parses `nats-server: v2.15.1`.
fn nats_version(output: &str) -> Option<(u32, u32)> {
    let (_, version) = output.trim().rsplit_once('v')?;
    let mut numbers = version.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A temporary folder with programs.
    struct Folder(PathBuf);

    impl Folder {
        fn with(name: &str, programs: &[(&str, &str)]) -> Self {
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
            Search { setting: &setting, here: &here, debian: &debian }.find()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    const NEW_NATS: &str = "echo nats-server: v2.15.1";

    #[test]
    fn takes_the_newest_debian_postgres_and_the_projects_own_nats() {
        let folder = Folder::with(
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
        let found = folder.find(&[("PATH", "bin")]).unwrap();
        assert_eq!(found.postgres, folder.0.join("debian/15/bin"));
        assert_eq!(found.redis, folder.0.join("bin/redis-server"));
        assert_eq!(found.nats, folder.0.join("project/.souk/tools/bin/nats-server"));
    }

    #[test]
    fn names_everything_that_is_missing_and_the_fix() {
        let folder = Folder::with("missing", &[("bin/nats-server", "echo nats-server: v2.9.10")]);
        let missing = folder.find(&[("PATH", "bin"), ("SOUK_REDIS_BIN", "nowhere")]).unwrap_err();
        let texts: Vec<String> = missing.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 3);
        assert!(texts.iter().all(|text| text.contains("./dev tools")), "{texts:?}");
        assert!(texts[1].contains("SOUK_REDIS_BIN names"), "{texts:?}");
        assert!(texts[2].contains("is 2.9, at least 2.10 is needed"), "{texts:?}");
    }
}
