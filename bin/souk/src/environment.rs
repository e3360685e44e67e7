//! `SOUK_…` variables: those of the process, and for commands that are clients also those that `souk dev up` wrote to `.souk/env`.

use std::collections::BTreeMap;
use std::path::Path;

/// Path of the file in which `souk dev up` writes the variables for clients, relative to the project's root.
pub const FILE: &str = ".souk/env";

/// Variables by name.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok().filter(|name| name.starts_with("SOUK_"))?;
            Some((name, value.to_string_lossy().into_owned()))
        });
        Self(variables.collect())
    }

    /// The variables of this process, and those of `.souk/env` in the current folder that are not set.
    pub fn of_client() -> Self {
        let mut environment = Self::of_process();
        let file = std::fs::read_to_string(Path::new(FILE)).unwrap_or_default();
        for (name, value) in read(&file) {
            environment.0.entry(name).or_insert(value);
        }
        environment
    }

    /// The value of a variable; an empty one counts as not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All variables.
    pub fn variables(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.0.iter().map(|(name, value)| (name.clone(), value.clone()))
    }
}

/// Formats variables as assignments for a shell, whose commands get them.
pub fn write(variables: &BTreeMap<String, String>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,=".contains(c);
    let line = |(name, value): (&String, &String)| match value.chars().all(plain) {
        true => format!("export {name}={value}\n"),
        false => format!("export {name}='{}'\n", value.replace('\'', r"'\''")),
    };
    variables.iter().map(line).collect()
}

/// Parses the format of [`write()`].
pub fn read(text: &str) -> BTreeMap<String, String> {
    let assignment = |line: &str| {
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').filter(|_| !line.starts_with('#'))?;
        let quoted = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        let value = quoted.map_or_else(|| value.to_owned(), |text| text.replace(r"'\''", "'"));
        Some((name.to_owned(), value))
    };
    text.lines().filter_map(assignment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let value = |text: &str| text.to_owned();
        let variables = BTreeMap::from([
            (value("SOUK_A"), value("postgres://u:p@h:1/d")),
            (value("SOUK_B"), value("it's a 'b' $HOME & more")),
        ]);
        let text = write(&variables);
        assert!(
            text.starts_with("export SOUK_A=postgres://u:p@h:1/d\nexport SOUK_B='it'"),
            "{text}"
        );
        assert_eq!(read(&text), variables);
        assert_eq!(read("SOUK_A=1\n# SOUK_B=2\n").len(), 1);
    }
}
