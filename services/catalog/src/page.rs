//! Pages by id: the cursor is the last id of the page before.

use fault::{Common, Fault};
use kernel::id::Id;
use mesh::Paging;
use prost::Message;
use uuid::Uuid;

/// The id after which the page begins; the first page begins after the least id.
pub fn open<T>(
    paging: &Paging,
    method: &str,
    args: &impl Message,
    token: &str,
) -> Result<Id<T>, Fault> {
    let Some(cursor) = paging.open(method, args, token)? else {
        return Ok(Id::from_uuid(Uuid::nil()));
    };
    Uuid::from_slice(&cursor).map(Id::from_uuid).map_err(|error| {
        Fault::field(Common::PageTokenInvalid, "page_token", "start at the first page")
            .because(error)
    })
}

/// Rows for a request's `page_size`.
pub fn size(requested: i32) -> Result<usize, Fault> {
    Ok(usize::from(Paging::size(requested)?.get()))
}

/// Rows to read for a page: one more than it shows tells whether another page follows.
pub fn rows(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX - 1) + 1
}

/// Cuts off what belongs to the next page; the last row that stays, where another page follows.
pub fn cut<T>(rows: &mut Vec<T>, size: usize) -> Option<&T> {
    let more = size < rows.len();
    rows.truncate(size);
    rows.last().filter(|_| more)
}

/// The token of the next page; empty where there is none.
pub fn seal(paging: &Paging, method: &str, args: &impl Message, last: Option<Uuid>) -> String {
    last.map(|last| paging.seal(method, args, last.as_bytes())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_where_no_further_row_was_read() {
        let mut rows = vec![1, 2, 3];
        assert_eq!(cut(&mut rows, 2), Some(&2));
        assert_eq!(rows, [1, 2]);
        assert_eq!(cut(&mut rows, 2), None);
        assert_eq!(cut(&mut Vec::<i32>::new(), 2), None);
    }
}
