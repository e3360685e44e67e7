use anyhow::{Context, Result};
use contracts::operations::v1::operations_service_server::OperationsServiceServer;
use mesh::operations::Operations;
use mesh::{Boot, Config, Running, Service, Tasks};
use pg::migrate::Migrations;

/// Every service of the mesh, in the order of who needs whom.
pub const ROLES: [&str; 3] = ["catalog", "pricing", "search"];

/// The migrations of a role's own tables.
pub fn migrations(role: &str) -> Option<Migrations> {
    match role {
        "catalog" => Some(catalog::MIGRATIONS),
        "pricing" => Some(pricing::MIGRATIONS),
        "search" => Some(search::MIGRATIONS),
        _ => None,
    }
}

/// Serves the named roles in this process until the tasks' stop token is cancelled. Which roles those are is known here
/// and nowhere else: a service always calls another one through its client.
pub async fn serve(config: Config, roles: &[&'static str], tasks: Tasks) -> Result<Running> {
    let boot = Boot::bind(config, roles, tasks).await?;
    let mut services = Vec::new();
    let mut databases = Vec::new();
    for role in roles {
        let (service, db) = match *role {
            "catalog" => catalog::service(&boot).await,
            "pricing" => pricing::service(&boot).await,
            "search" => search::service(&boot).await,
            unknown => anyhow::bail!("no role {unknown}; there are {}", ROLES.join(", ")),
        }
        .with_context(|| format!("boot {role}"))?;
        services.push(service);
        databases.push(db);
    }
    let operations = Operations::new(databases, boot.bus().await?, boot.paging());
    services.push(Service::new("operations").mount(OperationsServiceServer::new(operations)));
    Ok(boot.serve(services).await?)
}
