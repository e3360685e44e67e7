//! Flags for all settings, e.g. `--grpc-listen` for `SOUK_GRPC_LISTEN`, generated from the list of settings.

use crate::environment::Environment;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use mesh::Config;
use mesh::config::{Loader, Problems, Settings, services};
use std::sync::LazyLock;

const HEADING: &str = "Settings, also as variables SOUK_… or in a file; see `souk config`";

/// Settings from the command line.
#[derive(Debug, Clone, Default)]
pub struct Flags(Vec<(String, String)>);

struct Flag {
    name: String,
    doc: String,
}

static FLAGS: LazyLock<Vec<Flag>> = LazyLock::new(|| {
    let mut loader = Loader::default();
    mesh::configure(&mut loader, crate::ROLES);
    let settings = loader.finish().unwrap_or_default();
    let file = Flag { name: "config".to_owned(), doc: "File with settings (TOML).".to_owned() };
    let named = settings.entries.into_iter().flat_map(|setting| {
        let name = setting.key.replace(['.', '_'], "-");
        let names = match name.strip_suffix("<name>") {
            None => vec![name],
            // Settings per service become flags; those per method are too many, and can only be set by environment and file.
            Some("timeout-ms-") => Vec::new(),
            Some(prefix) => services().iter().map(|service| format!("{prefix}{service}")).collect(),
        };
        names.into_iter().map(move |name| Flag { name, doc: setting.doc.clone() })
    });
    std::iter::once(file).chain(named).collect()
});

impl Flags {
    /// Reads the configuration; `check` can report further problems, so that all are reported at once.
    pub fn load(
        &self,
        environment: &Environment,
        check: impl FnOnce(&Config, &mut Loader),
    ) -> Result<(Config, Settings), Problems> {
        let mut loader = Loader::new(&self.0, environment.variables());
        let config = mesh::configure(&mut loader, crate::ROLES);
        check(&config, &mut loader);
        Ok((config, loader.finish()?))
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        command.args(FLAGS.iter().map(|flag| {
            Arg::new(flag.name.as_str())
                .long(flag.name.as_str())
                .value_name("VALUE")
                .help(flag.doc.as_str())
                .help_heading(HEADING)
                .hide_short_help(true)
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = FLAGS.iter().filter_map(|flag| {
            let value = matches.get_one::<String>(&flag.name)?;
            Some((flag.name.clone(), value.clone()))
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
