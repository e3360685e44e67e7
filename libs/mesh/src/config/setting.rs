use std::fmt;
use std::path::PathBuf;

/// One setting as it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its environment variable; `SOUK_ENDPOINT_<NAME>` for the entries of a map that has none.
    pub name: String,
    /// Its key in the file, e.g. `database.pool_size`.
    pub key: String,
    /// Its value; none where nothing is set. Secrets are hidden.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: Source,
    /// What it does.
    pub doc: String,
}

/// Where a value comes from, strongest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A flag of the command line.
    Flag,
    /// An environment variable.
    Environment,
    /// A file.
    File(PathBuf),
    /// The program.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment => f.write_str("environment"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// All settings as they are in force, and what is odd about them.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// In the order in which the sections were read.
    pub entries: Vec<Setting>,
    /// Unknown names. Log them after telemetry is initialised.
    pub warnings: Vec<String>,
}

impl fmt::Display for Settings {
    /// What `souk config` prints: one commented assignment for each setting.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for setting in &self.entries {
            writeln!(f, "# {} ({})", setting.doc, setting.source)?;
            match &setting.value {
                Some(value) => writeln!(f, "{}={value}\n", setting.name)?,
                None => writeln!(f, "# {}=\n", setting.name)?,
            }
        }
        Ok(())
    }
}

/// A secret as it may be shown: of a URL everything but password or token, of anything else nothing.
pub(super) fn hidden(secret: &str) -> String {
    let shown = || {
        let (scheme, rest) = secret.split_once("://")?;
        // Of several servers the first may have no scheme, but a password.
        if scheme.contains(|other: char| !other.is_ascii_alphanumeric()) {
            return None;
        }
        let Some((user, host)) = rest.rsplit_once('@') else {
            return Some(format!("{scheme}://{}", without_query(rest)));
        };
        // A name without a password is a token of NATS.
        let user = user.split_once(':').map(|(name, _)| format!("{name}:")).unwrap_or_default();
        Some(format!("{scheme}://{user}***@{}", without_query(host)))
    };
    shown().unwrap_or_else(|| "***".to_owned())
}

fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

/// Names that are no settings but belong to the tools around Souk: tests, `dev`, and what `dev up` writes for clients.
pub(super) fn of_tools(name: &str, services: &[&str]) -> bool {
    let role = |prefix| {
        let role = name.strip_prefix(prefix).map(str::to_ascii_lowercase);
        role.is_some_and(|role| role == "all" || services.contains(&role.as_str()))
    };
    ["SOUK_CONFIG", "SOUK_DATA", "SOUK_GRPC", "SOUK_ADMIN", "SOUK_TOKEN"].contains(&name)
        || ["SOUK_OPENSEARCH_HOME", "SOUK_OPENSEARCH_URL"].contains(&name)
        || ["SOUK_TEST_", "SOUK_PID_"].iter().any(|prefix| name.starts_with(prefix))
        || name.ends_with("_BIN")
        || role("SOUK_GRPC_")
        || role("SOUK_ADMIN_")
}

#[cfg(test)]
mod tests {
    use super::hidden;

    #[test]
    fn a_shown_secret_is_useless() {
        assert_eq!(
            hidden("postgres://souk_x:pa@ss@db:5432/souk_x?a=b"),
            "postgres://souk_x:***@db:5432/souk_x"
        );
        assert_eq!(hidden("nats://t0ken@nats:4222"), "nats://***@nats:4222");
        assert_eq!(hidden("redis://127.0.0.1:6379"), "redis://127.0.0.1:6379");
        assert_eq!(hidden("a:pass@nats:1,nats://b:pass@nats:2"), "***");
        assert_eq!(hidden("0123456789"), "***");
    }
}
