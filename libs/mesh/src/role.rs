//! What a service crate hands to the binary and to tests.

use crate::backing::Backing;
use crate::boot::{Boot, BootError};
use crate::config::{Config, Loader, ServiceSettings};
use crate::operations::Operations;
use crate::running::{self, Running};
use crate::service::Service;
use crate::tasks::Tasks;
use crate::telemetry::Metric;
use futures::future::BoxFuture;
use pg::heads::Aggregates;
use pg::migrate::Migrations;

/// A service that can be served: `pub const ROLE: Role` of its crate.
#[derive(Clone, Copy)]
pub struct Role {
    /// Name of the service, its database and its settings.
    pub name: &'static str,
    /// The migrations of its own tables; none where it has no database.
    pub migrations: Option<fn() -> Migrations>,
    /// What it publishes and how that is published again.
    pub aggregates: &'static [Aggregates],
    /// Its own settings, a section of its name; none where it has none.
    pub settings: Option<ServiceSettings>,
    /// Its own metrics.
    pub metrics: &'static [Metric],
    /// Builds it on its database, if it has one, and the broker: starts its consumers and jobs, and mounts its handlers.
    pub serve: for<'b> fn(Backing<'b>) -> BoxFuture<'b, Result<Service, BootError>>,
}

impl std::fmt::Debug for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Role({})", self.name)
    }
}

/// Reads the mesh's settings and those of the roles.
pub fn configure(loader: &mut Loader, roles: &[Role]) -> Config {
    let mut config = Config::read(loader);
    for role in roles {
        config.services.extend(role.settings.map(|settings| settings.read(role.name, loader)));
    }
    config
}

/// Serves roles in this process until the tasks' stop token is cancelled. Which roles those are is known to its caller and nowhere
/// else: a service always calls another one through its client.
pub async fn serve(config: Config, roles: &[Role], tasks: Tasks) -> Result<Running, BootError> {
    let names: Vec<&'static str> = roles.iter().map(|role| role.name).collect();
    let max_message_bytes = config.server.max_message_bytes;
    let boot = Boot::bind(config, &names, tasks).await?;
    let mut services = Vec::new();
    for role in roles {
        services.push(build(&boot, role).await.map_err(|error| error.of(role.name))?);
    }
    let operations = Operations::new(&services, boot.bus().await?, boot.paging());
    services.push(Service::new("operations").mount(operations, max_message_bytes));
    running::start(boot, services).await
}

async fn build(boot: &Boot, role: &Role) -> Result<Service, BootError> {
    let backing = Backing::open(boot, role.name, role.migrations, role.aggregates).await?;
    (role.serve)(backing).await
}
