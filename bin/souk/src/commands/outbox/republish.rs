use crate::commands::flags::Flags;
use crate::commands::timestamp;
use crate::environment::Environment;
use crate::load::caller::{call, operations};
use crate::load::progress::Progress;
use crate::load::retry::with_retries;
use crate::output;
use anyhow::Result;
use clap::Args;
use contracts::operations::v1::RepublishEventsRequest;
use prost_types::Timestamp;

/// Publishes events of the last 14 days again, in their order.
#[derive(Debug, Args)]
pub struct Republish {
    /// Service that published them.
    #[arg(long)]
    service: String,
    /// Only events created at this time or later: RFC 3339, or how long ago (90s, 15m, 2h, 3d).
    #[arg(long, value_parser = timestamp::parse)]
    since: Option<Timestamp>,
    /// Only events created before this time, given like --since.
    #[arg(long, value_parser = timestamp::parse)]
    until: Option<Timestamp>,
    /// Only about this aggregate: the events' key.
    #[arg(long, default_value = "")]
    key: String,
    /// Only events whose subject begins with this, e.g. pricing.price.
    #[arg(long, default_value = "")]
    subject: String,
    /// Only count them.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    flags: Flags,
}

impl Republish {
    /// Goes through the outbox, page by page. If interrupted, it has handled the older events. Safe to repeat.
    pub async fn run(self) -> Result<()> {
        let mut client = operations(&Environment::of_client(), &self.flags, &self.service)?;
        let mut request = RepublishEventsRequest {
            service: self.service,
            from: self.since,
            to: self.until,
            key: self.key,
            subject: self.subject,
            dry_run: self.dry_run,
            page_token: String::new(),
        };
        let mut progress = Progress::new("events", None);
        let (mut events, mut oldest, mut newest) = (0, None, None);
        loop {
            let page =
                with_retries(async || client.republish_events(call(request.clone())).await).await?;
            events += page.events;
            progress.add(u64::try_from(page.events).unwrap_or_default());
            oldest = oldest.or(page.oldest_time);
            newest = page.newest_time.or(newest);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        progress.finish();
        let made = match (oldest, newest) {
            (Some(oldest), Some(newest)) => format!(
                ", made between {} and {}",
                timestamp::format(Some(&oldest)),
                timestamp::format(Some(&newest))
            ),
            _ => String::new(),
        };
        output::line(match self.dry_run {
            true => format!("{events} events would be published again{made} (dry run)"),
            false => format!("{events} events are published again{made}"),
        });
        Ok(())
    }
}
