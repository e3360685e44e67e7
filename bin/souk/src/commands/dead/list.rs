use super::selection::Selection;
use crate::commands::flags::Flags;
use crate::commands::json::json;
use crate::commands::moment;
use crate::load::caller::call;
use crate::say;
use anyhow::Result;
use clap::Args;
use contracts::operations::v1::{DeadLetter, ListDeadLettersRequest};
use fault::Fault;

/// Lists dead letters, oldest first.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    selection: Selection,
    /// Most letters to list.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print each letter as JSON on a line of its own, without its payload.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: Flags,
}

impl List {
    /// Prints as many letters as asked for, and says where there are more.
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
            for letter in &page.letters {
                if self.json {
                    say::line(json(letter)?);
                } else {
                    lines(letter, !found);
                }
                found = true;
            }
            page_token = page.next_page_token;
            more = !page_token.is_empty();
        }
        if !found {
            say::note(format_args!("{} has no such dead letter", self.selection.service));
        } else if more {
            say::note(format_args!("there may be more than {}; see --limit", self.limit));
        }
        Ok(())
    }
}

/// A letter takes two lines, since what happened is a sentence.
fn lines(letter: &DeadLetter, first: bool) {
    let row = |cells: [&str; 6]| {
        let [last, tries, consumer, event, subject, reason] = cells;
        format!("{last:<20}  {tries:>5}  {consumer:<24}  {event:<36}  {subject:<28}  {reason}")
    };
    if first {
        say::line(row(["LAST FAILED", "TRIES", "CONSUMER", "EVENT", "SUBJECT", "REASON"]));
    }
    say::line(row([
        &moment::show(letter.last_time.as_ref()),
        &letter.attempts.to_string(),
        &letter.consumer,
        &letter.event_id,
        &letter.subject,
        &letter.reason,
    ]));
    let key = if letter.key.is_empty() { "no key" } else { &letter.key };
    say::line(format_args!("    {key}: {}", letter.error.replace(['\r', '\n'], " ")));
}
