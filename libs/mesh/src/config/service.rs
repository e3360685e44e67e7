use super::Loader;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::sync::Arc;

/// The settings of one service: a section of its name, declared in its own crate.
pub trait OwnSettings: DeserializeOwned + JsonSchema + Default + Send + Sync + 'static {
    /// Notes everything that is wrong with the values themselves, each with its name in the section.
    fn validate(&self, problems: &mut Vec<String>);
}

/// How the settings of a service are read, with their type erased.
#[derive(Clone, Copy)]
pub struct ServiceSettings {
    read: fn(&str, &mut Loader) -> Read,
}

/// Settings that were read.
pub type Read = Arc<dyn Any + Send + Sync>;

impl ServiceSettings {
    /// Those of this type.
    pub const fn of<S: OwnSettings>() -> Self {
        Self {
            read: |section, loader| {
                let settings: S = loader.section(section);
                let mut problems = Vec::new();
                settings.validate(&mut problems);
                for problem in problems {
                    loader.problem(format!("{section}.{problem}"));
                }
                Arc::new(settings)
            },
        }
    }

    pub(crate) fn read(self, section: &str, loader: &mut Loader) -> Read {
        (self.read)(section, loader)
    }
}
