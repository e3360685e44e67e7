//! Pages of lists: tokens bound to the query that they go on with, and sizes.

use crate::config;
use contracts::PageRequest;
use fault::{Common, Fault};
use kernel::digest::sha256;
use kernel::id::Id;
use kernel::page::{PageKeys, PageSize};
use prost::Message;
use secrecy::ExposeSecret;
use uuid::Uuid;

/// Most bytes that the items of an answer take together: clients take messages of 4 MiB if they are not told otherwise, and an answer
/// holds a little besides its items.
pub const MAX_ANSWER_BYTES: usize = 3 * 1024 * 1024;

/// Bytes that enclose an item in its answer.
const MAX_FRAME_BYTES: usize = 8;

/// Seals and opens page tokens with the configured keys.
#[derive(Debug, Clone)]
pub struct Paging {
    keys: PageKeys,
}

/// The page that a request asks for.
#[derive(Debug, Clone)]
pub struct Page {
    keys: PageKeys,
    method: &'static str,
    /// Digest of the request without size and token: a caller may change the size between pages but nothing else.
    query: [u8; 32],
    size: PageSize,
    /// Where it begins; none: it is the first one.
    cursor: Option<Vec<u8>>,
}

impl Paging {
    /// With the configured keys, or with a random one that ends with the process.
    pub fn new(config: &config::Page) -> Self {
        let keys = match &config.key {
            Some(key) => {
                let previous = config.previous_key.as_ref();
                let previous = previous.map(|key| key.expose_secret().as_bytes());
                PageKeys::new(key.expose_secret().as_bytes(), previous)
            }
            None => {
                tracing::warn!("SOUK_PAGE_KEY is not set: page tokens hold for this process only");
                PageKeys::new(&rand::random::<[u8; 32]>(), None)
            }
        };
        Self { keys }
    }

    /// The page that a request asks for, of 500 rows at most. Refused with PAGE_TOKEN_INVALID where the token was made for
    /// other arguments.
    pub fn page<R: PageRequest>(&self, request: &R) -> Result<Page, Fault> {
        self.page_up_to(request, PageSize::MAX.get())
    }

    /// The same for a list whose pages may hold more rows than usual, since they are small.
    pub fn page_up_to<R: PageRequest>(&self, request: &R, max: u16) -> Result<Page, Fault> {
        let (method, query) = (R::METHOD, sha256(&request.query().encode_to_vec()));
        let size = size_up_to(request.page_size(), max)?;
        let cursor = match request.page_token() {
            "" => None,
            token => Some(self.keys.open(method, &query, token).map_err(refusal)?),
        };
        Ok(Page { keys: self.keys.clone(), method, query, size, cursor })
    }

    /// The number of rows for a request's `page_size`.
    pub fn size(requested: i32) -> Result<PageSize, Fault> {
        size_up_to(requested, PageSize::MAX.get())
    }
}

impl Page {
    /// Most rows of the page.
    pub fn size(&self) -> usize {
        self.size.get().into()
    }

    /// Rows to read for it: one more than the page has, to find out whether another page follows.
    pub fn rows(&self) -> i64 {
        self.size.rows()
    }

    /// Where it begins; none: it is the first one.
    pub fn cursor(&self) -> Option<&[u8]> {
        self.cursor.as_deref()
    }

    /// The id after which it begins, in a list by id; no id is lower than that of the first page.
    pub fn after<T>(&self) -> Result<Id<T>, Fault> {
        let id = self.cursor().map(Uuid::from_slice).transpose().map_err(refusal)?;
        Ok(Id::from_uuid(id.unwrap_or_default()))
    }

    /// The text after which it begins, in a list by a text of its own; none: it is the first one.
    pub fn after_text(&self) -> Result<Option<&str>, Fault> {
        self.cursor().map(std::str::from_utf8).transpose().map_err(refusal)
    }

    /// The numbers at which it begins, in a list by position; none: it is the first one.
    pub fn positions<const N: usize>(&self) -> Result<Option<[u64; N]>, Fault> {
        let Some(cursor) = self.cursor() else { return Ok(None) };
        let (numbers, rest) = cursor.as_chunks::<8>();
        let numbers: Vec<u64> = numbers.iter().map(|bytes| u64::from_be_bytes(*bytes)).collect();
        // A token whose signature is valid can have another form only if another release made it.
        let wrong = || refusal(std::io::Error::other("a cursor of another length"));
        let positions = <[u64; N]>::try_from(numbers).map_err(|_| wrong())?;
        if rest.is_empty() { Ok(Some(positions)) } else { Err(wrong()) }
    }

    /// The items of the page, made of the rows that were read for it, and the token of the next page, or an empty one. The page ends
    /// early where its items would make an answer too large. A caller can read the cursor, so it contains nothing that the page did
    /// not show.
    pub fn items<T, M: Message, C: AsRef<[u8]>>(
        &self,
        mut rows: Vec<T>,
        item: impl FnMut(&T) -> M,
        cursor: impl FnOnce(&T) -> C,
    ) -> (Vec<M>, String) {
        let read = rows.len();
        rows.truncate(self.size());
        let items = within_answer(rows.iter().map(item), 0);
        let last = items.len().checked_sub(1).and_then(|last| rows.get(last));
        let last = last.filter(|_| items.len() < read);
        let token = last.map(|last| self.token(cursor(last).as_ref())).unwrap_or_default();
        (items, token)
    }

    /// [`Page::items`] of a list by id.
    pub fn items_by_id<T, M, A>(
        &self,
        rows: Vec<T>,
        id: impl FnOnce(&T) -> Id<A>,
    ) -> (Vec<M>, String)
    where
        M: Message + for<'r> From<&'r T>,
    {
        self.items(rows, |row| row.into(), |row| id(row).uuid().into_bytes())
    }

    /// The token for the page that begins at these numbers; empty where there is none.
    pub fn next_at<const N: usize>(&self, next: Option<[u64; N]>) -> String {
        let cursor = next.map(|positions| positions.map(u64::to_be_bytes));
        cursor.map(|cursor| self.token(cursor.as_flattened())).unwrap_or_default()
    }

    /// The token for the page that begins at a cursor.
    pub fn token(&self, cursor: &[u8]) -> String {
        self.keys.seal(self.method, &self.query, cursor)
    }
}

/// The first of these items that have room in an answer besides `taken` bytes of something else: at least one, so that whoever asks for
/// the rest gets on.
pub fn within_answer<M: Message>(items: impl Iterator<Item = M>, taken: usize) -> Vec<M> {
    let mut bytes = taken;
    let mut kept = Vec::new();
    for item in items {
        bytes = bytes.saturating_add(item.encoded_len()).saturating_add(MAX_FRAME_BYTES);
        if bytes > MAX_ANSWER_BYTES && !kept.is_empty() {
            break;
        }
        kept.push(item);
    }
    kept
}

fn size_up_to(requested: i32, max: u16) -> Result<PageSize, Fault> {
    PageSize::up_to(requested, max).map_err(|error| {
        Fault::field(Common::InvalidField, "page_size", "must not be negative").because(error)
    })
}

fn refusal(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    let message = "was not made for these arguments; start at the first page";
    Fault::field(Common::PageTokenInvalid, "page_token", message).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pricing_api::v1::{Item, ListPricesRequest};

    fn request(token: &str) -> ListPricesRequest {
        ListPricesRequest { page_token: token.to_owned(), ..Default::default() }
    }

    #[test]
    fn a_token_goes_on_with_its_own_query_only() {
        let paging = Paging::new(&config::Page::default());
        let first = paging.page(&request("")).unwrap();
        assert_eq!(first.cursor(), None);
        let token = first.token(b"after 7");
        let larger = ListPricesRequest { page_size: 7, ..request(&token) };
        assert_eq!(paging.page(&larger).unwrap().cursor(), Some(&b"after 7"[..]));

        let other = ListPricesRequest { item: Some(Item::default()), ..request(&token) };
        let fault = paging.page(&other).unwrap_err();
        assert!(fault.is(Common::PageTokenInvalid));
        assert_eq!(fault.violations()[0].field, "page_token");
    }

    #[test]
    fn positions_come_back_and_a_cursor_of_another_kind_is_refused() {
        let paging = Paging::new(&config::Page::default());
        let first = paging.page(&request("")).unwrap();
        assert_eq!(first.positions::<1>().unwrap(), None);
        assert_eq!(first.next_at::<1>(None), "");
        let next = paging.page(&request(&first.next_at(Some([7, u64::MAX])))).unwrap();
        assert_eq!(next.positions().unwrap(), Some([7, u64::MAX]));
        assert!(next.positions::<1>().unwrap_err().is(Common::PageTokenInvalid));
    }

    /// An id, and an item of so many bytes.
    type Row = (Id<()>, usize);

    /// The sizes of the items of a page, and what its token begins after.
    fn items(page: &Page, rows: &[Row]) -> (Vec<usize>, Option<Id<()>>) {
        let item = |row: &Row| "x".repeat(row.1);
        let (items, token) = page.items(rows.to_vec(), item, |row: &Row| row.0.uuid().into_bytes());
        let paging = Paging { keys: page.keys.clone() };
        let next =
            (!token.is_empty()).then(|| paging.page(&request(&token)).unwrap().after().unwrap());
        (items.iter().map(String::len).collect(), next)
    }

    #[test]
    fn a_full_page_is_followed_by_another_one() {
        let paging = Paging::new(&config::Page::default());
        let page = paging.page(&ListPricesRequest { page_size: 2, ..request("") }).unwrap();
        let rows: Vec<Row> = (1..4).map(|bytes| (Id::new(), bytes)).collect();
        assert_eq!(items(&page, &rows), (vec![1, 2], Some(rows[1].0)));
        assert_eq!(items(&page, &rows[..2]), (vec![1, 2], None));
        assert_eq!(items(&page, &[]), (vec![], None));
    }

    #[test]
    fn a_page_ends_before_its_answer_is_too_large() {
        let paging = Paging::new(&config::Page::default());
        let page = paging.page(&ListPricesRequest { page_size: 3, ..request("") }).unwrap();
        let of = |sizes: [usize; 3]| sizes.map(|bytes| (Id::new(), bytes));
        let half = MAX_ANSWER_BYTES / 2 - 2 * MAX_FRAME_BYTES;
        let rows = of([half, half, 1_000]);
        assert_eq!(items(&page, &rows), (vec![half, half], Some(rows[1].0)));
        // The last one of the list may be the one that has no room.
        assert_eq!(items(&page, &rows[..2]), (vec![half, half], None));
        let rows = of([MAX_ANSWER_BYTES + 1, 1, 1]);
        assert_eq!(items(&page, &rows), (vec![MAX_ANSWER_BYTES + 1], Some(rows[0].0)));
        assert_eq!(within_answer([half, half].iter().map(|n| "x".repeat(*n)), half).len(), 1);
    }

    #[test]
    fn replicas_with_the_same_key_open_each_others_tokens() {
        let page = |key: &str, previous: Option<&str>| config::Page {
            key: Some(key.to_owned().into()),
            previous_key: previous.map(|key| key.to_owned().into()),
        };
        let (old, new) = ("o".repeat(32), "n".repeat(32));
        let token = Paging::new(&page(&old, None)).page(&request("")).unwrap().token(b"7");
        let opens = |config| Paging::new(&config).page(&request(&token)).is_ok();
        assert!(opens(page(&old, None)) && opens(page(&new, Some(&old))));
        assert!(!opens(page(&new, None)));
    }
}
