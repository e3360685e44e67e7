use super::flags::Flags;
use crate::environment::Environment;
use crate::output;
use crate::roles;
use crate::usage::Usage;
use anyhow::{Context, Result, anyhow};
use clap::Args;
use fault::Fault;
use mesh::Config;

/// Runs pending migrations. It is safe to run it several times at once: one process works, the others wait.
#[derive(Debug, Args)]
pub struct Migrate {
    /// Roles whose databases to migrate; none: every one that has a database URL.
    #[arg(value_parser = roles::accepted_with_database())]
    roles: Vec<String>,
    /// Print what would run, and run nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    flags: Flags,
}

impl Migrate {
    /// Prints each migration that ran.
    pub async fn run(self) -> Result<()> {
        let mut roles = roles::named(&self.roles);
        roles.retain(|role| roles::with_database().contains(role));
        let needed = |config: &Config, loader: &mut mesh::config::Loader| {
            for role in roles.iter().filter(|role| !config.database.url.contains_key(**role)) {
                let name = role.to_ascii_uppercase();
                loader.problem(format!("SOUK_DATABASE_URL_{name}: is needed to migrate {role}"));
            }
        };
        let (config, _) = self.flags.load(&Environment::of_process(), needed)?;
        let roles = if self.roles.is_empty() { with_database(&config) } else { roles };
        if roles.is_empty() {
            let message = "there is no database to migrate; set SOUK_DATABASE_URL_<ROLE>";
            return Err(Usage(message.to_owned()).into());
        }
        for role in roles {
            report(role, &migrate(&config, role, self.dry_run).await?, self.dry_run);
        }
        Ok(())
    }
}

fn with_database(config: &Config) -> Vec<&'static str> {
    roles::with_database()
        .into_iter()
        .filter(|role| config.database.url.contains_key(*role))
        .collect()
}

/// Runs the pending migrations of a role's database, or only lists them; returns their names.
pub async fn migrate(config: &Config, role: &str, dry_run: bool) -> Result<Vec<String>> {
    let url = config.database.url.get(role).with_context(|| format!("{role} has no database"))?;
    let own = || {
        let migrations = crate::role(role).and_then(|role| role.migrations);
        migrations.map(|own| own()).with_context(|| format!("the role {role} has no database"))
    };
    // `chain` includes the causes.
    let failed = |fault: Fault| anyhow!("migrate {role}: {}", fault.chain());
    let mut names = pg::migrate::pending(url, own()?).await.map_err(failed)?;
    if !dry_run {
        // Another process may have run some of them meanwhile.
        let ran = pg::migrate::run(url, own()?).await.map_err(failed)?;
        names.retain(|name| ran.contains(name));
    }
    Ok(names)
}

fn report(role: &str, names: &[String], dry_run: bool) {
    if names.is_empty() {
        output::line(format_args!("{role}: up to date"));
    }
    for name in names {
        output::line(format_args!("{role}: {} {name}", if dry_run { "would run" } else { "ran" }));
    }
}
