//! Sends rows in chunks, one after the other, each as one call.

use super::chunks::{Chunk, Chunks, Next};
use super::decodable::Carried;
use super::keyed::Keyed;
use super::progress::Progress;
use super::{OnError, Refused, Row, Tally};
use anyhow::Result;
use uuid::Uuid;

/// How to import.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The same id makes it safe to repeat an import within 24 hours.
    pub import_id: Uuid,
    /// Check everything and write nothing.
    pub dry_run: bool,
    /// What to do about a row that is refused.
    pub on_error: OnError,
}

/// Sends all chunks, until one stops the import.
pub(super) async fn send_all<I, M>(
    mut chunks: Chunks<I, M>,
    progress: &mut Progress,
    mut send: impl AsyncFnMut(Chunk<M>, &mut Progress, &mut Tally) -> Result<()>,
) -> Result<Tally>
where
    I: Iterator<Item = Result<Result<Row<M>, Refused>>>,
    M: Keyed + Carried,
{
    let mut tally = Tally::default();
    while !tally.stopped {
        let mut refused = |why: Refused| {
            progress.refused(why);
            progress.add(1);
            tally.refused += 1;
        };
        match chunks.next(&mut refused)? {
            Next::Chunk(chunk) => send(chunk, progress, &mut tally).await?,
            Next::Stopped(why) => {
                progress.refused(why);
                tally.refused += 1;
                tally.stopped = true;
            }
            Next::End => break,
        }
    }
    Ok(tally)
}
