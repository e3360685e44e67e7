//! Splits rows into chunks. The same rows always give the same chunks, so that an import can be resumed.

use super::decodable::{Carried, are_decodable, require_decodable};
use super::keyed::Keyed;
use super::{OnError, Refused, Row, TOO_LARGE};
use anyhow::Result;
use std::collections::VecDeque;

/// Services accept messages of up to 4 MiB; the rest is for what surrounds the rows.
const MAX_BYTES: usize = 3 * 1024 * 1024;

/// Rows that are written in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk<M> {
    /// Number of the chunk, starting at 1.
    pub sequence: i64,
    /// Its rows.
    pub rows: Vec<Row<M>>,
}

/// Splits an iterator of rows into chunks.
pub struct Chunks<I, M: Keyed> {
    rows: I,
    size: usize,
    on_error: OnError,
    sequence: i64,
    /// Rows that did not fit into the previous chunk.
    waiting: VecDeque<Row<M>>,
    /// The row at which it ends, where the policy is to stop.
    stopped: Option<Refused>,
    /// What the rows so far name.
    seen: M::Seen,
    /// Rows whose names are not among these, since they could not be read or sent.
    unread: u64,
}

/// The next step.
#[derive(Debug, PartialEq)]
pub enum Next<M> {
    /// Rows to write.
    Chunk(Chunk<M>),
    /// There are no more rows.
    End,
    /// This row could not be read, and the policy is to stop. All before it are in earlier chunks.
    Stopped(Refused),
}

impl<I, M> Chunks<I, M>
where
    I: Iterator<Item = Result<Result<Row<M>, Refused>>>,
    M: Keyed + Carried,
{
    /// Chunks of at most `size` rows.
    pub fn new(rows: I, size: usize, on_error: OnError) -> Self {
        let (waiting, seen) = (VecDeque::new(), M::Seen::default());
        Self { rows, size, on_error, sequence: 0, waiting, stopped: None, seen, unread: 0 }
    }

    /// Reads the next chunk; calls `refused` for each row to skip, as it cannot be read or sent, or names what an earlier one names.
    pub fn next(&mut self, refused: &mut impl FnMut(Refused)) -> Result<Next<M>> {
        let mut rows = Vec::new();
        let mut bytes = 0;
        while rows.len() < self.size {
            let row = match self.waiting.pop_front() {
                Some(row) => Ok(row),
                None if self.stopped.is_some() => break,
                None => match self.rows.next() {
                    None => break,
                    Some(row) => row?.and_then(|row| self.admit(row)),
                },
            };
            match row {
                Ok(row) => {
                    bytes += row.message.encoded_len();
                    if bytes > MAX_BYTES && !rows.is_empty() {
                        self.waiting.push_front(row);
                        break;
                    }
                    rows.push(row);
                }
                Err(why) => {
                    self.unread += u64::from(why.is_unread());
                    match self.on_error {
                        OnError::Skip => refused(why),
                        OnError::Stop => self.stopped = Some(why),
                    }
                }
            }
        }
        if rows.is_empty() {
            return Ok(self.stopped.clone().map_or(Next::End, Next::Stopped));
        }
        while rows.len() > 1 && !are_decodable(rows.iter().map(|row| &row.message)) {
            let rest = rows.split_off(rows.len() / 2);
            rest.into_iter().rev().for_each(|row| self.waiting.push_front(row));
        }
        self.sequence += 1;
        Ok(Next::Chunk(Chunk { sequence: self.sequence, rows }))
    }

    /// What all rows name; none: some of them could not be read or sent.
    pub fn names(&self) -> Option<&M::Seen> {
        (self.unread == 0 && self.stopped.is_none()).then_some(&self.seen)
    }

    /// The row, unless nothing could take it.
    fn admit(&mut self, row: Row<M>) -> Result<Row<M>, Refused> {
        let bytes = row.message.encoded_len();
        let claimed = if bytes > MAX_BYTES {
            let message = format!("has {bytes} bytes; a row may have {MAX_BYTES}");
            Err((TOO_LARGE.to_owned(), message))
        } else {
            let message = &row.message;
            require_decodable(message).and_then(|()| message.claim(row.line, &mut self.seen))
        };
        match claimed {
            Ok(()) => Ok(row),
            Err((reason, message)) => {
                row.message.mention(&mut self.seen);
                Err(Refused { line: row.line, key: row.message.key(), reason, message })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog_api::v1::{ImportRow, VariantDraft};
    use contracts::bounds::{Bounds, FieldBounds};
    use contracts::types::v1::Money;
    use contracts::{Path, Validate, Violations};

    fn row(line: u64, description: usize) -> Result<Result<Row<ImportRow>, Refused>> {
        let description = "x".repeat(description);
        let variant = VariantDraft { sku: line.to_string(), ..VariantDraft::default() };
        let message = ImportRow {
            key: line.to_string(),
            title: "T".to_owned(),
            description,
            variants: vec![variant],
            ..ImportRow::default()
        };
        Ok(Ok(Row { line, message }))
    }

    fn broken(line: u64) -> Result<Result<Row<ImportRow>, Refused>> {
        let (key, reason, message) = Default::default();
        Ok(Err(Refused { line, key, reason, message }))
    }

    /// Lines of each chunk, and the lines that were refused.
    fn check(
        rows: Vec<Result<Result<Row<ImportRow>, Refused>>>,
        on_error: OnError,
        end: Next<ImportRow>,
    ) -> (Vec<Vec<u64>>, Vec<u64>) {
        let mut chunks = Chunks::new(rows.into_iter(), 2, on_error);
        let (mut lines, mut refused) = (Vec::new(), Vec::new());
        loop {
            match chunks.next(&mut |why| refused.push(why.line)).unwrap() {
                Next::Chunk(chunk) => {
                    assert_eq!(chunk.sequence as usize, lines.len() + 1);
                    lines.push(chunk.rows.iter().map(|row| row.line).collect());
                }
                other => {
                    assert_eq!(other, end);
                    return (lines, refused);
                }
            }
        }
    }

    #[test]
    fn chunks_are_full_but_for_the_last() {
        let rows = (1..=5).map(|line| row(line, 0)).collect();
        let (lines, _) = check(rows, OnError::Stop, Next::End);
        assert_eq!(lines, [vec![1, 2], vec![3, 4], vec![5]]);
    }

    #[test]
    fn large_rows_make_small_chunks() {
        let rows = (1..=3).map(|line| row(line, MAX_BYTES / 2 + 1)).collect();
        let (lines, _) = check(rows, OnError::Stop, Next::End);
        assert_eq!(lines, [vec![1], vec![2], vec![3]]);
    }

    /// A request that has room for three rows, by the memory that they are said to take.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Heavy {
        #[prost(message, repeated, tag = "1")]
        rows: Vec<Money>,
    }

    impl Validate for Heavy {
        fn bounds() -> &'static Bounds {
            const ROW: FieldBounds = FieldBounds {
                number: 1,
                name: "rows",
                max_items: None,
                size: 20 * 1024 * 1024,
                message: None,
            };
            &Bounds { fields: &[ROW] }
        }

        fn check(&self, _: &Path<'_>, _: &mut Violations) {}
    }

    impl Carried for Money {
        type Request = Heavy;

        const PLACE: &'static str = "rows[0].";

        fn request(rows: Vec<Self>) -> Heavy {
            Heavy { rows }
        }
    }

    impl Keyed for Money {
        const KEY_PATHS: &'static [&'static [&'static str]] = &[];

        type Seen = ();

        fn key(&self) -> String {
            String::new()
        }

        fn claim(&self, _: u64, _: &mut ()) -> Result<(), (String, String)> {
            Ok(())
        }
    }

    #[test]
    fn rows_that_take_much_memory_make_small_chunks() {
        let rows = (1..=9).map(|line| Ok(Ok(Row { line, message: Money::default() })));
        let mut chunks = Chunks::new(rows, 6, OnError::Skip);
        let mut lines = Vec::new();
        while let Next::Chunk(chunk) = chunks.next(&mut drop).unwrap() {
            lines.push(chunk.rows.iter().map(|row| row.line).collect::<Vec<_>>());
        }
        assert_eq!(lines, [[1, 2, 3], [4, 5, 6], [7, 8, 9]]);
    }

    #[test]
    fn a_row_that_no_message_can_hold_is_refused() {
        let rows = vec![row(1, 0), row(2, MAX_BYTES), row(3, 0)];
        let (lines, refused) = check(rows, OnError::Skip, Next::End);
        assert_eq!((lines, refused), (vec![vec![1, 3]], vec![2]));
    }

    #[test]
    fn a_row_over_a_list_limit_is_refused_and_the_others_of_its_chunk_are_sent() {
        let long = |line| {
            let mut row = row(line, 0).unwrap().unwrap();
            row.message.variants.resize_with(101, VariantDraft::default);
            Ok(Ok(row))
        };
        let rows = || vec![row(1, 0), long(2), row(3, 0)];
        let (lines, refused) = check(rows(), OnError::Skip, Next::End);
        assert_eq!((lines, refused), (vec![vec![1, 3]], vec![2]));
        let mut chunks = Chunks::new(rows().into_iter(), 3, OnError::Skip);
        let mut reports = Vec::new();
        chunks.next(&mut |why| reports.push(why.to_string())).unwrap();
        let expected = "line 2: 2: INVALID_FIELD: variants: must contain no more than 100 item(s)";
        assert_eq!(reports, [expected]);
    }

    #[test]
    fn a_feed_has_the_keys_of_its_refused_rows_too() {
        let mut untitled = row(2, 0).unwrap().unwrap();
        untitled.message.title = " ".to_owned();
        let mut taken = row(3, 0).unwrap().unwrap();
        taken.message.variants[0].sku = "1".to_owned();
        let mut long = row(4, 0).unwrap().unwrap();
        long.message.variants.resize_with(101, VariantDraft::default);
        let rows = [row(1, 0), Ok(Ok(untitled)), Ok(Ok(taken)), Ok(Ok(long))];
        let mut chunks = Chunks::new(rows.into_iter(), 9, OnError::Skip);
        while let Next::Chunk(_) = chunks.next(&mut drop).unwrap() {}
        let names = chunks.names().unwrap();
        assert!(["1", "2", "3", "4"].iter().all(|key| names.has_key(key)));
        assert!(!names.has_key("5"));
    }

    #[test]
    fn the_border_of_a_chunk_decides_nothing() {
        let twice = |size: usize| {
            let rows = [1, 2, 3, 1, 2].map(|line| row(line, 0));
            let mut chunks = Chunks::new(rows.into_iter(), size, OnError::Skip);
            let mut refused = Vec::new();
            while let Next::Chunk(_) = chunks.next(&mut |why| refused.push(why)).unwrap() {}
            refused
        };
        assert_eq!(twice(1).len(), 2);
        assert!([2, 3, 5].iter().all(|size| twice(*size) == twice(1)));
    }

    #[test]
    fn a_row_that_cannot_be_read_is_left_out_or_ends_it_after_all_before_it() {
        let rows = || vec![row(1, 0), row(2, 0), row(3, 0), broken(4), row(5, 0), row(6, 0)];
        let (lines, refused) = check(rows(), OnError::Skip, Next::End);
        assert_eq!((lines, refused), (vec![vec![1, 2], vec![3, 5], vec![6]], vec![4]));
        let (key, reason, message) = Default::default();
        let end = Next::Stopped(Refused { line: 4, key, reason, message });
        let (lines, refused) = check(rows(), OnError::Stop, end);
        assert_eq!((lines, refused), (vec![vec![1, 2], vec![3]], vec![]));
    }
}
