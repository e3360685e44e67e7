use super::selection::Selection;
use crate::commands::flags::Flags;
use crate::commands::json::json;
use crate::commands::timestamp;
use crate::load::caller::call;
use crate::output;
use anyhow::Result;
use clap::Args;
use contracts::operations::v1::{DeadLetter, ListDeadLettersRequest};
use fault::Fault;

/// Lists dead letters, oldest first.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    selection: Selection,
    /// Maximum number of dead letters to list.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print each dead letter as JSON on its own line, without its payload.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: Flags,
}

impl List {
    /// Prints up to `--limit` dead letters, and a note if there may be more.
    pub async fn run(self) -> Result<()> {
        let mut client = self.selection.client(&self.flags)?;
        let mut left = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let mut page_token = String::new();
        let (mut found, mut more) = (false, true);
        while left > 0 && more {
            let request = ListDeadLettersRequest {
                service: self.selection.service.clone(),
                filter: Some(self.selection.filter()),
                page_size: i32::try_from(left.min(500)).unwrap_or(500),
                page_token,
            };
            let answer = client.list_dead_letters(call(request)).await.map_err(Fault::answered)?;
            let page = answer.into_inner();
            left -= page.letters.len().min(left);
            for dead_letter in &page.letters {
                if self.json {
                    output::line(json(dead_letter)?);
                } else {
                    lines(dead_letter, !found);
                }
                found = true;
            }
            page_token = page.next_page_token;
            more = !page_token.is_empty();
        }
        if !found {
            output::note(format_args!("{} has no such dead letter", self.selection.service));
        } else if more {
            output::note(format_args!("there may be more than {}; see --limit", self.limit));
        }
        Ok(())
    }
}

/// Prints a dead letter on two lines: its data, and the error.
fn lines(dead_letter: &DeadLetter, first: bool) {
    let row = |cells: [&str; 6]| {
        let [last, tries, consumer, event, subject, reason] = cells;
        format!("{last:<20}  {tries:>5}  {consumer:<24}  {event:<36}  {subject:<28}  {reason}")
    };
    if first {
        output::line(row(["LAST FAILED", "TRIES", "CONSUMER", "EVENT", "SUBJECT", "REASON"]));
    }
    output::line(row([
        &timestamp::format(dead_letter.last_time.as_ref()),
        &dead_letter.attempts.to_string(),
        &dead_letter.consumer,
        &dead_letter.event_id,
        &dead_letter.subject,
        &dead_letter.reason,
    ]));
    let key = if dead_letter.key.is_empty() { "no key" } else { &dead_letter.key };
    output::line(format_args!("    {key}: {}", dead_letter.error.replace(['\r', '\n'], " ")));
}
