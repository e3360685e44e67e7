use super::duration::duration;
use super::flags::Flags;
use crate::environment::Environment;
use crate::output;
use crate::usage::Usage;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use mesh::identity::{NEXT_KEY, SIGNING_KEY, generate_keys, publish_next_key, sign_with_next_key};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::sleep;

/// The keys that sign tokens: `signing.pem` and, with the public halves, `jwks.json` in one folder.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make a key where there is none.
    New(New),
    /// Replace the key while all processes run, in two steps: publish the next one, then sign with it.
    Rotate(Rotate),
}

/// Where the keys are.
#[derive(Debug, Args)]
struct Place {
    /// Folder of the keys. Default: `auth` in the data folder.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    flags: Flags,
}

/// Makes `signing.pem` and `jwks.json`.
#[derive(Debug, Args)]
pub struct New {
    #[command(flatten)]
    place: Place,
}

/// Replaces the key. The one before is accepted until the next rotation; an interrupted rotation goes on by the same command.
#[derive(Debug, Args)]
pub struct Rotate {
    #[command(flatten)]
    place: Place,
    /// Time between the steps: processes read a JWKS file again after 15 s, one behind an address after 5 m.
    #[arg(long, default_value = "20s", value_parser = duration)]
    wait: Duration,
    /// Only publish the next key, e.g. where `jwks.json` has to be brought to the processes first.
    #[arg(long, conflicts_with = "switch")]
    publish: bool,
    /// Only sign with the key that was published.
    #[arg(long)]
    switch: bool,
}

impl Keys {
    /// Changes files of the folder only.
    pub async fn run(self) -> Result<()> {
        match self {
            Self::New(command) => command.run(),
            Self::Rotate(command) => command.run().await,
        }
    }
}

impl Place {
    fn open(&self) -> Result<PathBuf> {
        if let Some(folder) = &self.folder {
            return Ok(folder.clone());
        }
        let (config, _) = self.flags.load(&Environment::of_client(), |_, _| {})?;
        Ok(config.server.keys_folder())
    }
}

impl New {
    fn run(self) -> Result<()> {
        let folder = self.place.open()?;
        let shown = folder.display();
        if folder.join(SIGNING_KEY).exists() {
            let message = format!("{shown} has a key already; replace it by `souk keys rotate`");
            return Err(Usage(message).into());
        }
        if self.place.dry_run {
            output::line(format_args!("a key would be made in {shown} (dry run)"));
            return Ok(());
        }
        generate_keys(&folder).with_context(|| format!("make a key in {shown}"))?;
        output::line(format_args!("{shown} has a new key: signing.pem, jwks.json"));
        Ok(())
    }
}

impl Rotate {
    async fn run(self) -> Result<()> {
        let folder = self.place.open()?;
        if !folder.join(SIGNING_KEY).exists() {
            let message = format!("{} has no key; make one by `souk keys new`", folder.display());
            return Err(Usage(message).into());
        }
        if self.switch && !folder.join(NEXT_KEY).exists() {
            let message = "no next key was published; begin by `souk keys rotate --publish`";
            return Err(Usage(message.to_owned()).into());
        }
        if self.place.dry_run {
            self.describe(&folder);
            return Ok(());
        }
        if !self.switch {
            let (current, next) = publish_next_key(&folder).context("publish the next key")?;
            output::line(format_args!("{current} signs, {next} is published beside it"));
            if self.publish {
                return Ok(());
            }
            output::note(format_args!("waiting {} s until it is known", self.wait.as_secs()));
            sleep(self.wait).await;
        }
        sign_with_next_key(&folder).context("sign with the next key")?;
        output::line(
            "the new key signs; the one before is accepted until the next rotation, and services go on signing with it for up to \
             five minutes",
        );
        Ok(())
    }

    fn describe(&self, folder: &Path) {
        let shown = folder.display();
        if !self.switch {
            let next = if folder.join(NEXT_KEY).exists() { "the" } else { "a" };
            output::line(format_args!("{next} next key would be published in {shown} (dry run)"));
        }
        if !self.publish {
            output::line(format_args!("{NEXT_KEY} would become {SIGNING_KEY} (dry run)"));
        }
    }
}
