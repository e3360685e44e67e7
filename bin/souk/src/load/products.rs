//! Imports products over a stream, which is restarted if it breaks.

use super::caller::Caller;
use super::chunks::{Chunk, Chunks, Next};
use super::progress::Progress;
use super::retry::Backoff;
use super::{Refused, Row, Tally};
use anyhow::{Context, Result, bail};
use catalog_api::v1::import_products_request::Part;
use catalog_api::v1::import_products_response::Part as Answer;
use catalog_api::v1::{
    ImportChunk, ImportChunkResult, ImportProductsRequest, ImportProductsResponse, ImportRow,
    ImportStart, Reason as Catalog,
};
use fault::Fault;
use std::collections::VecDeque;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// Maximum number of unanswered chunks: enough that the catalogue never has to wait.
const WINDOW: usize = 4;

/// Why the stream ended early.
enum Broken {
    /// The service or the connection ended it.
    Status(Status),
    /// A retry would not help.
    Fatal(anyhow::Error),
}

impl From<Status> for Broken {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

/// An import in progress.
struct Import<'a, I> {
    start: ImportStart,
    chunks: &'a mut Chunks<I, ImportRow>,
    progress: &'a mut Progress,
    tally: Tally,
    /// Chunks that were sent but not answered, oldest first.
    pending: VecDeque<Chunk<ImportRow>>,
    /// Whether all chunks were read.
    drained: bool,
    /// The row at which reading stopped.
    last: Option<Refused>,
    /// Number of chunks that earlier streams of a dry run processed. The server keeps no state of a dry run, so a new stream starts
    /// with sequence 1 again.
    before: i64,
    /// Sequence of the last chunk that was answered.
    answered: i64,
}

/// Imports products. If the import id was used before, chunks that were committed then are answered but not written again.
pub async fn send<I>(
    caller: &Caller,
    start: ImportStart,
    chunks: &mut Chunks<I, ImportRow>,
    progress: &mut Progress,
) -> Result<Tally>
where
    I: Iterator<Item = Result<Result<Row<ImportRow>, Refused>>>,
{
    let mut import = Import {
        start,
        chunks,
        progress,
        tally: Tally::default(),
        pending: VecDeque::new(),
        drained: false,
        last: None,
        before: 0,
        answered: 0,
    };
    let mut backoff = Backoff::default();
    loop {
        let before = import.tally;
        let broken = match import.stream(caller).await {
            Ok(()) => return Ok(import.tally),
            Err(broken) => broken,
        };
        if import.tally != before {
            backoff.reset();
        }
        let fault = match broken {
            Broken::Fatal(error) => return Err(error),
            Broken::Status(status) => match backoff.wait(status).await {
                Ok(()) => continue,
                Err(fault) => fault,
            },
        };
        if fault.is(Catalog::ImportStopped) {
            import.stopped(&fault);
            return Ok(import.tally);
        }
        let id = &import.start.import_id;
        if fault.is(Catalog::ImportChanged) {
            bail!(
                "import products: {fault}; the import {id} was run with other settings, other rows or another chunk \
                 size, so give this one another id"
            );
        }
        bail!(
            "import products: {fault}; what was committed stays, and the same command with --import-id {id} goes on"
        );
    }
}

impl<I> Import<'_, I>
where
    I: Iterator<Item = Result<Result<Row<ImportRow>, Refused>>>,
{
    /// Runs one stream. Chunks that the previous stream sent but got no response for are sent again.
    async fn stream(&mut self, caller: &Caller) -> Result<(), Broken> {
        let (send, requests) = mpsc::channel(WINDOW + 1);
        let start = Part::Start(self.start.clone());
        queue(&send, start).await;
        if self.start.dry_run {
            self.before = self.answered;
        }
        for chunk in &self.pending {
            queue(&send, self.message(chunk)).await;
        }
        let mut client = caller.catalog.clone();
        let answers = client.import_products(ReceiverStream::new(requests)).await?;
        let mut answers = answers.into_inner();
        match next(&mut answers).await? {
            Answer::Started(_) => {}
            Answer::Chunk(_) => return Err(unexpected("a chunk's answer before the start's")),
        }
        loop {
            while !self.drained && self.pending.len() < WINDOW {
                self.read(&send).await?;
            }
            if self.pending.is_empty() {
                // Reported now, when nothing before it was refused.
                if let Some(why) = self.last.take() {
                    self.stop_at(why);
                }
                return Ok(());
            }
            match next(&mut answers).await? {
                Answer::Chunk(result) => self.account(&result)?,
                Answer::Started(_) => return Err(unexpected("a second start")),
            }
        }
    }

    async fn read(&mut self, send: &mpsc::Sender<ImportProductsRequest>) -> Result<(), Broken> {
        let (progress, tally) = (&mut *self.progress, &mut self.tally);
        let mut refused = |why: Refused| {
            progress.refused(why);
            progress.add(1);
            tally.refused += 1;
        };
        match self.chunks.next(&mut refused).map_err(Broken::Fatal)? {
            Next::Chunk(chunk) => {
                queue(send, self.message(&chunk)).await;
                self.pending.push_back(chunk);
            }
            Next::End => self.drained = true,
            Next::Stopped(why) => {
                self.drained = true;
                self.last = Some(why);
            }
        }
        Ok(())
    }

    fn message(&self, chunk: &Chunk<ImportRow>) -> Part {
        let rows = chunk.rows.iter().map(|row| row.message.clone()).collect();
        Part::Chunk(ImportChunk { sequence: chunk.sequence - self.before, rows })
    }

    /// Reports the row at which the catalogue stopped the import: the first refused one of the oldest unanswered chunk.
    fn stopped(&mut self, fault: &Fault) {
        let metadata = |name: &str| fault.metadata().get(name).cloned();
        let row = metadata("row").and_then(|row| row.parse::<usize>().ok());
        let row = row.and_then(|row| self.pending.front()?.rows.get(row));
        // The message begins with the position in the chunk and the reason, which are reported separately.
        let message = fault.message().split_once(": ").map_or(fault.message(), |(_, rest)| rest);
        self.stop_at(Refused {
            line: row.map_or(0, |row| row.line),
            key: metadata("key").unwrap_or_default(),
            reason: metadata("reason").unwrap_or_else(|| fault.reason().to_owned()),
            message: message.to_owned(),
        });
    }

    fn stop_at(&mut self, why: Refused) {
        self.progress.refused(why);
        self.tally.refused += 1;
        self.tally.stopped = true;
    }

    fn account(&mut self, result: &ImportChunkResult) -> Result<(), Broken> {
        let before = self.before;
        let Some(chunk) =
            self.pending.pop_front_if(|chunk| chunk.sequence - before == result.sequence)
        else {
            return Err(unexpected("the answer to a chunk that was not sent"));
        };
        self.answered = chunk.sequence;
        for refusal in &result.refusals {
            let row = usize::try_from(refusal.row).ok().and_then(|row| chunk.rows.get(row));
            let why = Refused {
                line: row.map_or(0, |row| row.line),
                key: refusal.key.clone(),
                reason: refusal.reason.clone(),
                message: refusal.message.clone(),
            };
            self.progress.refused(why);
        }
        let (created, updated, unchanged) = written(result);
        self.tally.add(created, updated, unchanged);
        self.tally.refused += result.refusals.len() as u64;
        self.progress.settle(chunk.rows.last().map_or(0, |row| row.line));
        self.progress.add(chunk.rows.len() as u64);
        Ok(())
    }
}

/// Never blocks, because the channel has room for the whole window. If its receiver was dropped, the response stream returns an error.
async fn queue(send: &mpsc::Sender<ImportProductsRequest>, part: Part) {
    let _ = send.send(ImportProductsRequest { part: Some(part) }).await;
}

async fn next(answers: &mut Streaming<ImportProductsResponse>) -> Result<Answer, Broken> {
    let answer = answers.message().await?;
    let lost = || Status::unavailable("the stream ended before all chunks were answered");
    let part = answer.ok_or_else(lost)?.part;
    part.context("a response is empty").map_err(Broken::Fatal)
}

fn unexpected(what: &str) -> Broken {
    Broken::Fatal(anyhow::anyhow!("the catalogue sent {what}; is it of another release?"))
}

/// How many rows of a chunk this run created, changed and left: one that an earlier run committed is not written again.
fn written(result: &ImportChunkResult) -> (i32, i32, i32) {
    let ImportChunkResult { created, updated, unchanged, replayed, .. } = *result;
    if replayed { (0, 0, created + updated + unchanged) } else { (created, updated, unchanged) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_import_reports_nothing_as_written() {
        let first =
            ImportChunkResult { created: 3, updated: 2, unchanged: 1, ..Default::default() };
        assert_eq!(written(&first), (3, 2, 1));
        assert_eq!(written(&ImportChunkResult { replayed: true, ..first }), (0, 0, 6));
    }
}
