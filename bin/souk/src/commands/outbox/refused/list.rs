use super::selection::Selection;
use crate::commands::flags::Flags;
use crate::commands::json::json;
use crate::commands::timestamp;
use crate::load::caller::call;
use crate::output;
use anyhow::Result;
use clap::Args;
use contracts::operations::v1::{ListRefusedEventsRequest, RefusedEvent};
use fault::Fault;

/// Lists events that the broker refuses, oldest first.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    selection: Selection,
    /// Maximum number of events to list.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print each event as JSON on a line of its own.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: Flags,
}

impl List {
    /// Prints up to `--limit` events, and a note if there are more.
    pub async fn run(self) -> Result<()> {
        let mut client = self.selection.client(&self.flags)?;
        let mut left = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let mut page_token = String::new();
        let (mut found, mut more) = (false, true);
        while left > 0 && more {
            let request = ListRefusedEventsRequest {
                service: self.selection.service.clone(),
                filter: Some(self.selection.filter()),
                page_size: i32::try_from(left.min(500)).unwrap_or(500),
                page_token,
            };
            let answer =
                client.list_refused_events(call(request)).await.map_err(Fault::answered)?;
            let page = answer.into_inner();
            left -= page.events.len().min(left);
            for event in &page.events {
                if self.json {
                    output::line(json(event)?);
                } else {
                    lines(event, !found);
                }
                found = true;
            }
            page_token = page.next_page_token;
            more = !page_token.is_empty();
        }
        if !found {
            output::note(format_args!(
                "the broker refuses no such event of {}",
                self.selection.service
            ));
        } else if more {
            output::note(format_args!("there are more than {}; see --limit", self.limit));
        }
        Ok(())
    }
}

/// Prints an event on two lines: its data, and the broker's error.
fn lines(event: &RefusedEvent, first: bool) {
    let row = |cells: [&str; 6]| {
        let [made, next, tries, event, version, subject] = cells;
        format!("{made:<20}  {next:<20}  {tries:>5}  {event:<36}  {version:>7}  {subject}")
    };
    if first {
        output::line(row(["MADE", "TRIED NEXT", "TRIES", "EVENT", "VERSION", "SUBJECT"]));
    }
    output::line(row([
        &timestamp::format(event.create_time.as_ref()),
        &timestamp::format(event.retry_time.as_ref()),
        &event.attempts.to_string(),
        &event.event_id,
        &event.version.to_string(),
        &event.subject,
    ]));
    let error = event.error.replace(['\r', '\n'], " ");
    output::line(format_args!("    {}: {error} ({} bytes)", event.key, event.payload_bytes));
}
