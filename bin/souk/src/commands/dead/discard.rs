use super::selection::Selection;
use crate::commands::flags::Flags;
use crate::load::caller::call;
use crate::load::progress::Progress;
use crate::output;
use crate::usage::Usage;
use anyhow::Result;
use clap::Args;
use contracts::operations::v1::{DeadLetterFilter, DiscardDeadLettersRequest};
use fault::Fault;

/// Removes dead letters for good: their events will never be applied by the service.
#[derive(Debug, Args)]
pub struct Discard {
    #[command(flatten)]
    selection: Selection,
    /// Discard all dead letters of the service; needed if no condition is given.
    #[arg(long)]
    all: bool,
    /// Only count them.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    flags: Flags,
}

impl Discard {
    /// Goes through all dead letters, page by page. If interrupted, it has removed the older ones.
    pub async fn run(self) -> Result<()> {
        let filter = self.selection.filter();
        if filter == DeadLetterFilter::default() && !self.all {
            let message =
                "this would discard all dead letters: give a condition (see --help), or --all";
            return Err(Usage(message.to_owned()).into());
        }
        let mut client = self.selection.client(&self.flags)?;
        let mut request = DiscardDeadLettersRequest {
            service: self.selection.service,
            filter: Some(filter),
            all: self.all,
            dry_run: self.dry_run,
            page_token: String::new(),
        };
        let mut progress = Progress::new("dead letters", None);
        let mut discarded = 0;
        loop {
            let answer = client.discard_dead_letters(call(request.clone())).await;
            let answer = answer.map_err(Fault::answered)?.into_inner();
            let page = u64::try_from(answer.discarded).unwrap_or_default();
            discarded += page;
            progress.add(page);
            request.page_token = answer.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        progress.finish();
        output::line(match self.dry_run {
            true => format!("{discarded} dead letters would be discarded (dry run)"),
            false => format!("{discarded} dead letters discarded"),
        });
        Ok(())
    }
}
