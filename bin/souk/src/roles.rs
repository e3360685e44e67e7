use mesh::Role;

/// All services, each after those that it depends on.
pub const ROLES: [Role; 3] = [catalog::ROLE, pricing::ROLE, search::ROLE];

/// Their names.
pub fn role_names() -> [&'static str; ROLES.len()] {
    ROLES.map(|role| role.name)
}

/// The role with this name.
pub fn role(name: &str) -> Option<Role> {
    ROLES.into_iter().find(|role| role.name == name)
}
