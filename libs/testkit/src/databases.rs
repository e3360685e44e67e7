//! Databases of a test, one for each service, cloned from migrated templates.

use mesh::Role;
use secrecy::SecretString;
use testbed::{Servers, Template};
use uuid::Uuid;

/// The databases of one test.
pub(crate) struct Databases {
    servers: Servers,
    names: Vec<(&'static str, String)>,
}

impl Databases {
    /// Clones one for each role.
    pub(crate) async fn create(servers: Servers, roles: &[Role]) -> Self {
        let test = Uuid::now_v7().simple().to_string();
        let mut names = Vec::new();
        for role in roles {
            let Some(migrations) = role.migrations else { continue };
            let template = Template::of_service(role.name, migrations);
            let name = format!("test_{test}_{}", role.name);
            servers.database(&template, &name).await;
            names.push((role.name, name));
        }
        Self { servers, names }
    }

    /// Role and URL of each.
    pub(crate) fn urls(&self) -> impl Iterator<Item = (&'static str, SecretString)> + '_ {
        self.names.iter().map(|(role, name)| (*role, self.servers.url_of(name)))
    }

    /// Drops them.
    pub(crate) async fn drop(self) {
        for (_, name) in &self.names {
            self.servers.drop(name).await;
        }
    }
}
