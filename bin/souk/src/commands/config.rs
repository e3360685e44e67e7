use super::flags::Flags;
use crate::environment::Environment;
use crate::output;
use anyhow::Result;
use clap::Args;

/// Prints settings; secrets are hidden.
#[derive(Debug, Args)]
pub struct Show {
    /// Print a JSON array of objects with name, key, value, source and doc.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: Flags,
}

impl Show {
    /// Prints every setting, or fails with all problems.
    pub fn run(self) -> Result<()> {
        let (_, settings) = self.flags.load(&Environment::of_process(), |_, _| {})?;
        for warning in &settings.warnings {
            output::note(format_args!("warning: {warning}"));
        }
        if !self.json {
            output::line(settings.to_string().trim_end());
            return Ok(());
        }
        let entries = settings.entries.iter().map(|setting| {
            serde_json::json!({
                "name": setting.name,
                "key": setting.key,
                "value": setting.value,
                "source": setting.source.to_string(),
                "doc": setting.doc,
            })
        });
        output::line(serde_json::to_string_pretty(&entries.collect::<Vec<_>>())?);
        Ok(())
    }
}
