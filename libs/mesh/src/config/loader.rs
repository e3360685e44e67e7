use super::field::{Field, fields, shown};
use super::setting::{Setting, Settings, Source, hidden, of_tools};
use figment::providers::{Format, Toml};
use figment::value::{Dict, Value};
use figment::{Figment, error::Kind};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Reads settings section by section and remembers everything that is wrong, so that all of it can be mended at once.
#[derive(Debug, Default)]
pub struct Loader {
    flags: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
    file: Dict,
    path: PathBuf,
    /// Variables and keys of the file that some section knows.
    known: BTreeSet<String>,
    settings: Settings,
    problems: Vec<String>,
}

/// Everything that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the configuration has {} problem(s):\n  {}", .0.len(), .0.join("\n  "))]
pub struct Problems(pub Vec<String>);

/// A value that somebody set.
struct Given {
    value: Value,
    source: Source,
}

impl Loader {
    /// Reads flags, the process's environment and the file that `SOUK_CONFIG` names. A flag is given by the name of its variable without
    /// the prefix, in any spelling: `grpc-listen`, `grpc_listen`.
    pub fn of_process(flags: &[(String, String)]) -> Self {
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok().filter(|name| name.starts_with("SOUK_"))?;
            Some((name, value.to_string_lossy().into_owned()))
        });
        Self::new(flags, environment)
    }

    /// Reads flags, the given environment and the file that its `SOUK_CONFIG` names. An empty variable counts as one that is not set.
    pub fn new(
        flags: &[(String, String)],
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let flags = flags.iter().map(|(name, value)| {
            (
                name.trim_start_matches('-').replace(['-', '.'], "_").to_ascii_lowercase(),
                value.clone(),
            )
        });
        let mut loader = Self {
            flags: flags.collect(),
            environment: environment.into_iter().collect(),
            ..Self::default()
        };
        let path = loader.flags.remove("config").or_else(|| loader.variable("SOUK_CONFIG"));
        if let Some(path) = path {
            loader.read_file(Path::new(&path));
        }
        loader
    }

    fn read_file(&mut self, path: &Path) {
        self.path = path.to_owned();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return self.problem(format!("{}: {error}", path.display())),
        };
        match Figment::from(Toml::string(&text)).extract::<Dict>() {
            Ok(values) => self.file = values,
            Err(error) => self.problem(format!("{}: {}", path.display(), error.kind)),
        }
    }

    /// Reads one section; its fields stand at the top of the file where it has no name. What is wrong becomes a problem, and the field
    /// gets its default meanwhile.
    pub fn section<T>(&mut self, section: &str) -> T
    where
        T: DeserializeOwned + JsonSchema + Default,
    {
        let mut values = Dict::new();
        let mut secrets = BTreeSet::new();
        for field in fields::<T>() {
            if field.secret {
                secrets.insert(field.name.clone());
            }
            if field.map {
                let entries = self.entries(section, &field);
                values.insert(field.name, Value::from(entries));
            } else if let Some(value) = self.single(section, &field) {
                values.insert(field.name, value);
            }
        }
        self.extract(section, values, &secrets)
    }

    /// A field that is no map.
    fn single(&mut self, section: &str, field: &Field) -> Option<Value> {
        let key = dotted(section, &field.name);
        let given = self.given(&key, field);
        self.list(&key, field, given.as_ref());
        given.map(|given| given.value)
    }

    /// The entries of a map: what the file holds under its key, and every variable and flag that begins with its name.
    fn entries(&mut self, section: &str, field: &Field) -> Dict {
        let key = dotted(section, &field.name);
        let mut names = BTreeSet::new();
        if let Some(Value::Dict(_, entries)) = self.in_file(&key) {
            names.extend(entries.keys().cloned());
        }
        let prefix = format!("{}_", variable(&key));
        let named = self.environment.keys().filter_map(|name| name.strip_prefix(&prefix));
        names.extend(named.map(str::to_ascii_lowercase));
        let prefix = format!("{}_", spelled(&key));
        let named = self.flags.keys().filter_map(|name| name.strip_prefix(&prefix));
        names.extend(named.map(str::to_owned));

        self.known.insert(key.clone());
        if names.is_empty() {
            self.list(&format!("{key}.<name>"), field, None);
        }
        let mut entries = Dict::new();
        for name in names {
            let key = format!("{key}.{name}");
            if let Some(given) = self.given(&key, field) {
                self.list(&key, field, Some(&given));
                entries.insert(name, given.value);
            }
        }
        entries
    }

    fn given(&mut self, key: &str, field: &Field) -> Option<Given> {
        self.known.insert(key.to_owned());
        let text = match (self.flags.remove(&spelled(key)), self.variable(&variable(key))) {
            (Some(text), _) => Some((text, Source::Flag)),
            (None, Some(text)) => Some((text, Source::Environment)),
            (None, None) => None,
        };
        let Some((text, source)) = text else {
            let value = self.in_file(key)?.clone();
            return Some(Given { value, source: Source::File(self.path.clone()) });
        };
        match field.kind.parse(&text) {
            Ok(value) => Some(Given { value, source }),
            Err(expected) => {
                self.problem(format!("{}: {text:?} is not {expected}", variable(key)));
                None
            }
        }
    }

    /// A variable's value; from now on its name is known.
    fn variable(&mut self, name: &str) -> Option<String> {
        self.known.insert(name.to_owned());
        self.environment.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn in_file(&self, key: &str) -> Option<&Value> {
        let (first, rest) = key.split_once('.').map_or((key, None), |(a, b)| (a, Some(b)));
        let value = self.file.get(first)?;
        match rest {
            Some(rest) => value.find_ref(rest),
            None => Some(value),
        }
    }

    /// Makes the struct. Each value that does not fit becomes a problem and is left out, until the rest fits.
    fn extract<T>(&mut self, section: &str, mut values: Dict, secrets: &BTreeSet<String>) -> T
    where
        T: DeserializeOwned + Default,
    {
        loop {
            let error = match Value::from(values.clone()).deserialize::<T>() {
                Ok(fits) => return fits,
                Err(error) => error,
            };
            let Some(field) = error.path.first().cloned() else {
                self.problem(format!("{section}: {}", error.kind));
                return T::default();
            };
            let what = if secrets.contains(&field) {
                "is not a text".to_owned()
            } else {
                described(&error.kind)
            };
            self.problem(format!("{}: {what}", dotted(section, &error.path.join("."))));
            // Of a map only the entry is left out.
            let removed = match (values.get_mut(&field), error.path.get(1)) {
                (Some(Value::Dict(_, entries)), Some(entry)) => entries.remove(entry),
                _ => None,
            };
            if removed.is_none() {
                values.remove(&field);
            }
        }
    }

    fn list(&mut self, key: &str, field: &Field, given: Option<&Given>) {
        let value = given.map(|given| {
            let text = serde_json::to_value(&given.value).map(|value| shown(&value));
            let text = text.unwrap_or_default();
            if field.secret { hidden(&text) } else { text }
        });
        self.settings.entries.push(Setting {
            name: variable(key),
            key: key.to_owned(),
            value: value.or_else(|| field.default.clone()),
            source: given.map_or(Source::Default, |given| given.source.clone()),
            doc: field.doc.clone(),
        });
    }

    /// Notes something that is wrong with the configuration.
    pub fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// Notes something that is odd but harmless.
    pub fn warn(&mut self, warning: impl Into<String>) {
        self.settings.warnings.push(warning.into());
    }

    /// The settings in force, or all problems. Call it after the last section: what no section knows is reported here.
    pub fn finish(mut self) -> Result<Settings, Problems> {
        let services: Vec<&str> = super::services().into_iter().collect();
        for name in self.environment.keys() {
            if !self.known.contains(name) && !of_tools(name, &services) {
                self.settings.warnings.push(format!("{name} is not a setting; see `souk config`"));
            }
        }
        for name in self.flags.keys() {
            self.problems.push(format!("the flag {name} is not a setting"));
        }
        let mut unknown = Vec::new();
        self.unknown_keys("", &self.file, &mut unknown);
        for key in unknown {
            let path = self.path.display();
            self.settings
                .warnings
                .push(format!("{path}: {key} is not a setting; see `souk config`"));
        }
        if self.problems.is_empty() { Ok(self.settings) } else { Err(Problems(self.problems)) }
    }

    fn unknown_keys(&self, above: &str, values: &Dict, unknown: &mut Vec<String>) {
        for (name, value) in values {
            let key = dotted(above, name);
            match value {
                _ if self.known.contains(&key) => {}
                Value::Dict(_, below) => self.unknown_keys(&key, below, unknown),
                _ => unknown.push(key),
            }
        }
    }
}

fn dotted(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

fn spelled(key: &str) -> String {
    key.replace('.', "_")
}

fn variable(key: &str) -> String {
    format!("SOUK_{}", spelled(key).to_ascii_uppercase())
}

fn described(kind: &Kind) -> String {
    match kind {
        Kind::InvalidType(found, expected) => format!("is {found}, not {expected}"),
        Kind::InvalidValue(found, expected) => format!("{found} is not {expected}"),
        other => other.to_string(),
    }
}
