//! Products, over one stream that is begun again whenever it breaks.

use super::caller::Caller;
use super::chunks::{Chunk, Chunks, Next};
use super::patience::Patience;
use super::progress::Progress;
use super::{Refused, Row, Tally};
use anyhow::{Context, Result, bail};
use contracts::catalog::v1::import_products_request::Part;
use contracts::catalog::v1::import_products_response::Part as Answer;
use contracts::catalog::v1::{
    ImportChunk, ImportChunkResult, ImportProductsRequest, ImportProductsResponse, ImportRow,
    ImportStart, Reason as Catalog,
};
use fault::Fault;
use std::collections::VecDeque;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// Chunks that are sent and not answered: enough that the catalogue never waits for us.
const WINDOW: usize = 4;

/// Why the stream ended early.
enum Broken {
    /// The service or the connection ended it.
    Status(Status),
    /// Nobody can mend it by trying again.
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
    chunks: Chunks<I, ImportRow>,
    progress: &'a mut Progress,
    tally: Tally,
    /// Sent and not answered, oldest first.
    pending: VecDeque<Chunk<ImportRow>>,
    /// No more chunks will come.
    drained: bool,
    /// Chunks that a stream before this one dealt with and this one does not know of, as in a dry run: nothing of it is kept.
    before: i64,
    /// Sequence of the last chunk that was answered.
    answered: i64,
}

/// Imports products. Under an import id that was used before, what was committed then is answered and not written again.
pub async fn send<I>(
    caller: &Caller,
    start: ImportStart,
    chunks: Chunks<I, ImportRow>,
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
        before: 0,
        answered: 0,
    };
    let mut patience = Patience::default();
    loop {
        let before = import.tally;
        let broken = match import.stream(caller).await {
            Ok(()) => return Ok(import.tally),
            Err(broken) => broken,
        };
        if import.tally != before {
            patience.renew();
        }
        let fault = match broken {
            Broken::Fatal(error) => return Err(error),
            Broken::Status(status) => match patience.after(status).await {
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
    /// One stream, from its start to its end. What the stream before did not hear the end of is sent again.
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
        let mut refused = |why: &Refused| {
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
            Next::Stopped => {
                self.drained = true;
                self.tally.stopped = true;
            }
        }
        Ok(())
    }

    fn message(&self, chunk: &Chunk<ImportRow>) -> Part {
        let rows = chunk.rows.iter().map(|row| row.message.clone()).collect();
        Part::Chunk(ImportChunk { sequence: chunk.sequence - self.before, rows })
    }

    /// The catalogue ended it at the first row of the oldest chunk that it refuses.
    fn stopped(&mut self, fault: &Fault) {
        let said = |name: &str| fault.metadata().get(name).cloned();
        let row = said("row").and_then(|row| row.parse::<usize>().ok());
        let row = row.and_then(|row| self.pending.front()?.rows.get(row));
        // The message begins with the place in the chunk and the reason, which are said before it.
        let message = fault.message().split_once(": ").map_or(fault.message(), |(_, rest)| rest);
        self.progress.refused(&Refused {
            line: row.map_or(0, |row| row.line),
            key: said("key").unwrap_or_default(),
            reason: said("reason").unwrap_or_else(|| fault.reason().to_owned()),
            message: message.to_owned(),
        });
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
            self.progress.refused(&why);
        }
        self.tally.add(result.created, result.updated, result.unchanged);
        self.tally.refused += result.refusals.len() as u64;
        self.progress.add(chunk.rows.len() as u64);
        Ok(())
    }
}

/// The channel has room for the whole window, and that its reader is gone shows at the answers.
async fn queue(send: &mpsc::Sender<ImportProductsRequest>, part: Part) {
    let _ = send.send(ImportProductsRequest { part: Some(part) }).await;
}

async fn next(answers: &mut Streaming<ImportProductsResponse>) -> Result<Answer, Broken> {
    let answer = answers.message().await?;
    let lost = || Status::unavailable("the stream ended before all chunks were answered");
    let part = answer.ok_or_else(lost)?.part;
    part.context("an answer says nothing").map_err(Broken::Fatal)
}

fn unexpected(what: &str) -> Broken {
    Broken::Fatal(anyhow::anyhow!("the catalogue sent {what}; is it of another release?"))
}
