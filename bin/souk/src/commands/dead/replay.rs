use super::selection::Selection;
use crate::commands::flags::Flags;
use crate::load::caller::{Authorized, call};
use crate::load::progress::Progress;
use crate::load::retry::{Backoff, with_retries};
use crate::output;
use anyhow::{Context, Result, bail};
use clap::Args;
use contracts::operations::v1::operations_service_client::OperationsServiceClient;
use contracts::operations::v1::{
    GetOperationRequest, Operation, OperationState, ReplayDeadLettersRequest, ReplayReport,
};
use prost::Message;
use std::time::Duration;
use uuid::Uuid;

/// How often the status of the operation is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Replays dead letters, and follows the replay until it ends.
#[derive(Debug, Args)]
pub struct Replay {
    #[command(flatten)]
    selection: Selection,
    /// Maximum number of dead letters per second.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=1000))]
    per_second: i32,
    /// Only count the dead letters.
    #[arg(long, conflicts_with = "follow")]
    dry_run: bool,
    /// Start nothing, and follow the replay with this operation name.
    #[arg(long, value_name = "OPERATION")]
    follow: Option<String>,
    #[command(flatten)]
    flags: Flags,
}

impl Replay {
    /// Fails if any dead letter failed again. Ctrl-C stops following, but not the replay.
    pub async fn run(self) -> Result<()> {
        let mut client = self.selection.client(&self.flags)?;
        let name = match &self.follow {
            Some(name) => name.clone(),
            None => match self.start(&mut client).await? {
                Some(operation) => operation.name,
                None => return Ok(()),
            },
        };
        tokio::select! {
            ended = follow(&mut client, &name) => report(&ended?),
            _ = tokio::signal::ctrl_c() => {
                let service = &self.selection.service;
                output::note(format_args!(
                    "the replay goes on; to follow it again:\n  souk dead replay --service {service} --follow {name}"
                ));
                Ok(())
            }
        }
    }

    /// Starts the replay and returns its operation; for a dry run prints the result and returns none.
    async fn start(
        &self,
        client: &mut OperationsServiceClient<Authorized>,
    ) -> Result<Option<Operation>> {
        let request = ReplayDeadLettersRequest {
            request_id: Uuid::now_v7().to_string(),
            service: self.selection.service.clone(),
            filter: Some(self.selection.filter()),
            per_second: self.per_second,
            dry_run: self.dry_run,
        };
        let answer =
            with_retries(async || client.replay_dead_letters(call(request.clone())).await).await?;
        if self.dry_run {
            let more = if answer.more { "at least " } else { "" };
            let count = answer.matching;
            output::line(format_args!("{more}{count} dead letters would be replayed (dry run)"));
            return Ok(None);
        }
        let operation = answer.operation.context("the answer holds no operation")?;
        output::note(format_args!("replay {}", operation.name));
        Ok(Some(operation))
    }
}

/// Shows the progress of the operation until it ends.
async fn follow(client: &mut OperationsServiceClient<Authorized>, name: &str) -> Result<Operation> {
    let mut backoff = Backoff::default();
    let mut progress = None;
    loop {
        let request = GetOperationRequest { name: name.to_owned() };
        match client.get_operation(call(request)).await {
            Ok(answer) => {
                backoff.reset();
                let operation = answer.into_inner().operation;
                let operation = operation.context("the answer holds no operation")?;
                let count = |number: i64| u64::try_from(number).unwrap_or_default();
                if operation.total > 0 {
                    progress
                        .get_or_insert_with(|| {
                            Progress::new("dead letters", Some(count(operation.total)))
                        })
                        .reach(count(operation.done));
                }
                if operation.state() != OperationState::Running {
                    progress.into_iter().for_each(Progress::finish);
                    return Ok(operation);
                }
            }
            Err(status) => backoff.wait(status).await?,
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn report(operation: &Operation) -> Result<()> {
    if operation.state() == OperationState::Failed {
        bail!("the replay failed: {}", operation.message);
    }
    let result = operation.result.as_ref().context("the replay has no report")?;
    let report = ReplayReport::decode(result.value.as_slice()).context("read the report")?;
    for failure in &report.failures {
        let (consumer, event) = (&failure.consumer, &failure.event_id);
        output::note(format_args!("{consumer} {event}: {}: {}", failure.reason, failure.message));
    }
    let ReplayReport { applied, kept, duplicates, ignored, failed, .. } = report;
    let uncounted = operation.total - (applied + kept + duplicates + ignored + failed);
    if uncounted > 0 {
        output::note(format_args!(
            "{uncounted} more were dealt with by a process that died before it noted them, or were discarded meanwhile"
        ));
    }
    output::line(format_args!(
        "dead letters: {applied} applied, {kept} kept until what they wait for arrives, {duplicates} applied before, \
         {ignored} ignored, {failed} failed"
    ));
    if failed > 0 {
        bail!("{failed} dead letters failed again and are kept");
    }
    Ok(())
}
