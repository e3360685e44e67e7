//! Creates and updates products in bulk.

use crate::domain::import::{MAX_ROWS, Settings};
use crate::store::imports;
use crate::{App, chunk, wire};
use catalog_api::v1::import_products_request::Part as Sent;
use catalog_api::v1::import_products_response::Part as Answer;
use catalog_api::v1::{
    ImportChunk, ImportChunkResult, ImportErrorPolicy, ImportProductsRequest,
    ImportProductsResponse, ImportStart, ImportStarted, Reason,
};
use contracts::Rpc;
use convert::read;
use fault::{Common, Fault, context};
use futures::{Stream, StreamExt, stream};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tonic::Status;
use uuid::Uuid;

/// Answers the messages of an import one after the other. The stream is answered while it is read, long after the call's own time
/// was up; so each message gets that time anew.
pub fn import_products<S>(
    app: App,
    incoming: S,
) -> impl Stream<Item = Result<ImportProductsResponse, Status>> + Send + use<S>
where
    S: Stream<Item = Result<ImportProductsRequest, Status>> + Send + Unpin + 'static,
{
    let context = context::Context::clone(&context::current());
    let started = (app, context, None, incoming);
    stream::unfold(Some(started), async |state| {
        let (app, context, mut import, mut incoming) = state?;
        let next = app.stopping.run_until_cancelled(incoming.next()).await;
        let Some(next) = next else { return Some((Err(ending().into()), None)) };
        let message = match next? {
            Ok(message) => message,
            Err(status) => return Some((Err(status), None)),
        };
        let limit = contracts::policy(ImportProductsRequest::PATH)
            .map_or(Duration::from_secs(10), |own| own.timeout);
        let deadline = Instant::now() + limit;
        let own = context::Context { deadline: Some(deadline), ..context.clone() };
        let answered = context::scope(own, async {
            let answered = timeout_at(deadline, answer(&app, &mut import, message)).await;
            let answered = answered.unwrap_or_else(|_| {
                Err(Fault::new(Common::DeadlineExceeded, "the time for this chunk was up"))
            });
            answered.map_err(Status::from)
        });
        match answered.await {
            Ok(part) => {
                let answer = ImportProductsResponse { part: Some(part) };
                Some((Ok(answer), Some((app, context, import, incoming))))
            }
            Err(status) => Some((Err(status), None)),
        }
    })
}

/// When the process ends, the current chunk is still answered; the stored progress lets any replica continue the import.
fn ending() -> Fault {
    let message =
        "this process ends; go on with the same import_id after the last chunk that was answered";
    Fault::new(Common::DependencyUnavailable, message)
}

/// An import that was started in this stream.
struct Import {
    id: Uuid,
    on_error: ImportErrorPolicy,
    settings: Settings,
    /// The outcomes of the chunks of a dry run, which are not stored; none: it is no dry run.
    dry: Option<BTreeMap<i64, ([u8; 32], ImportChunkResult)>>,
}

async fn answer(
    app: &App,
    import: &mut Option<Import>,
    message: ImportProductsRequest,
) -> Result<Answer, Fault> {
    match (read(|fields| fields.required("part", message.part))?, import) {
        (Sent::Start(_), Some(_)) => {
            Err(Fault::new(Reason::ImportStartedTwice, "the import was started already"))
        }
        (Sent::Start(sent), own) => {
            let (import, started) = start(app, &sent).await?;
            *own = Some(import);
            Ok(Answer::Started(started))
        }
        (Sent::Chunk(_), None) => {
            Err(Fault::new(Reason::ImportNotStarted, "the first message must be the start"))
        }
        (Sent::Chunk(chunk), Some(import)) => {
            if !(1..=MAX_ROWS).contains(&chunk.rows.len()) {
                let message = format!("must hold 1 to {MAX_ROWS} rows, not {}", chunk.rows.len());
                return Err(Fault::field(Common::InvalidField, "chunk.rows", message));
            }
            let result = match &mut import.dry {
                Some(done) => dry_run(app, import.on_error, import.settings, done, &chunk).await,
                None => write_patiently(app, import, &chunk).await,
            };
            result.map(Answer::Chunk)
        }
    }
}

async fn start(app: &App, sent: &ImportStart) -> Result<(Import, ImportStarted), Fault> {
    let id = read(|fields| fields.id::<Import>("start.import_id", &sent.import_id))?.uuid();
    let digest = &wire::import::start_digest(sent);
    let dry_run = sent.dry_run;
    let started = app
        .db
        .write("catalog.import_start", async move |tx| {
            if !dry_run {
                imports::begin(tx, id, digest).await?;
            }
            imports::find(tx, id).await
        })
        .await?;
    let committed = match &started {
        Some(started) if started.settings_digest != *digest => {
            let message = "the import was begun with other settings; use another import_id";
            return Err(Fault::new(Reason::ImportChanged, message));
        }
        Some(started) => started.committed_sequence,
        None => 0,
    };
    let import = Import {
        id,
        on_error: sent.on_error(),
        settings: Settings {
            define_missing_attributes: sent.define_missing_attributes,
            create_missing_brands: sent.create_missing_brands,
        },
        dry: dry_run.then(BTreeMap::new),
    };
    Ok((import, ImportStarted { committed_sequence: committed }))
}

/// A chunk holds so many names that others may take one of them again and again while it is written. It goes on trying until the
/// time of the chunk is up; each time it sees what the others did.
async fn write_patiently(
    app: &App,
    import: &Import,
    chunk: &ImportChunk,
) -> Result<ImportChunkResult, Fault> {
    loop {
        match write(app, import, chunk).await {
            Err(fault) if fault.is(Common::Contended) => {}
            done => return done,
        }
    }
}

/// One transaction: rows, events, and the place from which to go on.
async fn write(
    app: &App,
    import: &Import,
    chunk: &ImportChunk,
) -> Result<ImportChunkResult, Fault> {
    let digest = &wire::import::chunk_digest(chunk);
    app.db
        .write("catalog.import_chunk", async move |tx| {
            let started = imports::lock(tx, import.id).await?;
            if chunk.sequence <= started.committed_sequence {
                let done = imports::chunk(tx, import.id, chunk.sequence).await?;
                return replay(done.as_ref().map(|(own, result)| (own.as_slice(), result)), digest);
            }
            expect_next(started.committed_sequence, chunk.sequence)?;
            let plan = chunk::decide(tx, &chunk.rows, import.settings).await?;
            stop(import.on_error, &plan)?;
            chunk::save(tx, &plan).await?;
            let result = wire::import::result(chunk.sequence, &plan);
            imports::commit(tx, import.id, digest, &result).await?;
            Ok(result)
        })
        .await
}

/// The same decisions, and nothing is written.
async fn dry_run(
    app: &App,
    on_error: ImportErrorPolicy,
    settings: Settings,
    done: &mut BTreeMap<i64, ([u8; 32], ImportChunkResult)>,
    chunk: &ImportChunk,
) -> Result<ImportChunkResult, Fault> {
    let digest = wire::import::chunk_digest(chunk);
    let last = done.keys().last().copied().unwrap_or_default();
    if chunk.sequence <= last {
        let done = done.get(&chunk.sequence);
        return replay(done.map(|(own, result)| (own.as_slice(), result)), &digest);
    }
    expect_next(last, chunk.sequence)?;
    let rows = chunk.rows.as_slice();
    let plan = app
        .db
        .write("catalog.import_dry_run", async move |tx| chunk::decide(tx, rows, settings).await)
        .await?;
    stop(on_error, &plan)?;
    let result = wire::import::result(chunk.sequence, &plan);
    done.insert(chunk.sequence, (digest, result.clone()));
    Ok(result)
}

fn replay(
    done: Option<(&[u8], &ImportChunkResult)>,
    digest: &[u8; 32],
) -> Result<ImportChunkResult, Fault> {
    match done {
        Some((own, result)) if own == digest => {
            Ok(ImportChunkResult { replayed: true, ..result.clone() })
        }
        _ => {
            let message = "a chunk with this sequence was committed with other rows";
            Err(Fault::new(Reason::ImportChanged, message))
        }
    }
}

fn expect_next(committed: i64, sequence: i64) -> Result<(), Fault> {
    if committed.checked_add(1) == Some(sequence) {
        return Ok(());
    }
    let message = format!("the chunk after {committed} is wanted, not {sequence}");
    let fault = Fault::new(Reason::ImportSequenceGap, message);
    Err(fault.with("committed_sequence", committed))
}

fn stop(on_error: ImportErrorPolicy, plan: &crate::domain::import::Plan) -> Result<(), Fault> {
    match plan.refused.first() {
        Some(refused) if on_error == ImportErrorPolicy::Stop => Err(wire::import::stopped(refused)),
        _ => Ok(()),
    }
}
