use crate::commands::flags::Flags;
use crate::commands::json::json;
use crate::commands::timestamp;
use crate::environment::Environment;
use crate::load::caller::{call, operations};
use crate::output;
use anyhow::{Context, Result};
use clap::Args;
use contracts::operations::v1::{DeadLetter, GetDeadLetterRequest};
use fault::Fault;

/// Prints one dead letter with all details.
#[derive(Debug, Args)]
pub struct Show {
    /// Service that could not handle the event.
    #[arg(long)]
    service: String,
    /// Durable consumer of the event, e.g. search-from-pricing.
    #[arg(long)]
    consumer: String,
    /// Id of the event.
    #[arg(long)]
    event: String,
    /// Print it as JSON on one line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: Flags,
}

impl Show {
    /// Fails if there is no such dead letter.
    pub async fn run(self) -> Result<()> {
        let mut client = operations(&Environment::of_client(), &self.flags, &self.service)?;
        let request = GetDeadLetterRequest {
            service: self.service,
            consumer: self.consumer,
            event_id: self.event,
        };
        let answer = client.get_dead_letter(call(request)).await.map_err(Fault::answered)?;
        let dead_letter =
            answer.into_inner().letter.context("the response holds no dead letter")?;
        if self.json {
            output::line(json(&dead_letter)?);
        } else {
            fields(&dead_letter);
        }
        Ok(())
    }
}

fn fields(letter: &DeadLetter) {
    let field = |name: &str, value: &str| output::line(format_args!("{name:<14} {value}"));
    field("service", &letter.service);
    field("consumer", &letter.consumer);
    field("event", &letter.event_id);
    field("reason", &letter.reason);
    field("error", &letter.error);
    field("tries", &letter.attempts.to_string());
    field("first failed", &timestamp::format(letter.first_time.as_ref()));
    field("last failed", &timestamp::format(letter.last_time.as_ref()));
    field("subject", &letter.subject);
    field("key", &letter.key);
    field("version", &letter.version.to_string());
    for header in &letter.headers {
        field("header", &format!("{}: {}", header.name, header.value));
    }
    if letter.payload_json.is_empty() {
        let hex = kernel::digest::hex(&letter.payload);
        field("payload", &format!("{} bytes that are no such event: {hex}", letter.payload.len()));
    } else {
        field("payload", &letter.payload_json);
    }
}
