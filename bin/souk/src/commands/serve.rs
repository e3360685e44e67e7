use super::flags::Flags;
use crate::environment::Environment;
use crate::roles;
use anyhow::Result;
use clap::Args;
use mesh::config::{Config, Loader};
use mesh::{Role, Tasks, signals, telemetry};
use tokio_util::sync::CancellationToken;

/// Serves roles until SIGTERM or SIGINT. A second signal ends it at once.
#[derive(Debug, Args)]
pub struct Serve {
    /// Roles to serve in this process.
    #[arg(required = true, value_parser = roles::accepted())]
    roles: Vec<String>,
    #[command(flatten)]
    pub(super) flags: Flags,
}

impl Serve {
    /// Returns after a graceful shutdown.
    pub async fn run(self) -> Result<()> {
        let roles = roles::named(&self.roles);
        let needed = |config: &Config, loader: &mut Loader| check(config, &roles, loader);
        let (config, settings) = self.flags.load(&Environment::of_process(), needed)?;
        telemetry::init(&config.telemetry, crate::docs::metrics::own());
        for warning in &settings.warnings {
            tracing::warn!("{warning}");
        }
        let tasks = Tasks::new(CancellationToken::new());
        signals::stop_on_signals(&tasks)?;
        let stop = tasks.stop();
        let roles: Vec<Role> = roles.into_iter().filter_map(crate::role).collect();
        let running = tokio::select! {
            running = mesh::serve(config, &roles, tasks) => running?,
            // Stopped before it served, so there is nothing to drain.
            () = stop.cancelled() => return Ok(()),
        };
        Ok(running.finished().await?)
    }
}

/// Checks the settings that all roles need, so that all missing ones are reported at once.
fn check(config: &Config, roles: &[&str], loader: &mut Loader) {
    let stored = roles::with_database();
    let needing = roles.iter().filter(|role| stored.contains(role));
    for role in needing.filter(|role| !config.database.url.contains_key(**role)) {
        let name = role.to_ascii_uppercase();
        loader.problem(format!("SOUK_DATABASE_URL_{name}: is needed to serve {role}"));
    }
    if config.nats.url.is_none() {
        loader.problem("SOUK_NATS_URL: is needed, since every role publishes or reads events");
    }
}
