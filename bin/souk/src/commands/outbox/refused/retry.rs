use super::selection::Selection;
use crate::commands::flags::Flags;
use crate::load::caller::call;
use crate::load::progress::Progress;
use crate::load::retry::with_retries;
use crate::output;
use anyhow::Result;
use clap::Args;
use contracts::operations::v1::RetryRefusedEventsRequest;

/// Retries refused events at once, in their order. Those that the broker refuses again stay in the list.
#[derive(Debug, Args)]
pub struct Retry {
    #[command(flatten)]
    selection: Selection,
    /// Only count them.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    flags: Flags,
}

impl Retry {
    /// Goes through all refused events, page by page. Safe to repeat.
    pub async fn run(self) -> Result<()> {
        let mut client = self.selection.client(&self.flags)?;
        let mut request = RetryRefusedEventsRequest {
            filter: Some(self.selection.filter()),
            service: self.selection.service,
            dry_run: self.dry_run,
            page_token: String::new(),
        };
        let mut progress = Progress::new("events", None);
        let mut events = 0;
        loop {
            let page =
                with_retries(async || client.retry_refused_events(call(request.clone())).await)
                    .await?;
            events += page.events;
            progress.add(u64::try_from(page.events).unwrap_or_default());
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        progress.finish();
        output::line(match self.dry_run {
            true => format!("{events} refused events would be tried again (dry run)"),
            false => format!("{events} refused events are tried again"),
        });
        Ok(())
    }
}
