use clap::builder::PossibleValuesParser;
use mesh::Role;

/// All services, each after those that it depends on.
pub const ROLES: &[Role] =
    &[catalog::ROLE, pricing::ROLE, warehouse::ROLE, search::ROLE, analytics::ROLE, gateway::ROLE];

/// Their names.
pub fn role_names() -> Vec<&'static str> {
    ROLES.iter().map(|role| role.name).collect()
}

/// The names of those that have a database.
pub fn with_database() -> Vec<&'static str> {
    ROLES.iter().filter(|role| role.migrations.is_some()).map(|role| role.name).collect()
}

/// The role with this name.
pub fn role(name: &str) -> Option<Role> {
    ROLES.iter().copied().find(|role| role.name == name)
}

/// The roles named on the command line; `all` stands for all of them.
pub(crate) fn named(names: &[String]) -> Vec<&'static str> {
    let wanted = |role: &&str| names.iter().any(|name| name == "all" || name == role);
    role_names().into_iter().filter(wanted).collect()
}

/// The values that are accepted as roles.
pub(crate) fn accepted() -> PossibleValuesParser {
    PossibleValuesParser::new(["all"].into_iter().chain(role_names()))
}

/// The values that are accepted as roles with a database.
pub(crate) fn accepted_with_database() -> PossibleValuesParser {
    PossibleValuesParser::new(["all"].into_iter().chain(with_database()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_unique_and_ordered() {
        assert_eq!(named(&["search".to_owned(), "catalog".to_owned()]), ["catalog", "search"]);
        assert_eq!(named(&["search".to_owned(), "all".to_owned()]), role_names());
    }
}
