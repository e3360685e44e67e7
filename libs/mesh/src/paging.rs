//! Pages of lists: tokens bound to the query that they go on with, and sizes.

use crate::config;
use contracts::PageRequest;
use fault::{Common, Fault};
use kernel::digest::sha256;
use kernel::id::Id;
use kernel::page::{PageKeys, PageSize};
use secrecy::ExposeSecret;
use uuid::Uuid;

/// Most bytes of the entries of a page that is bounded by its size too: clients refuse answers above 4 MiB unless told otherwise.
const MAX_PAGE_BYTES: usize = 3 * 1024 * 1024;

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

    /// Removes the extra row that shows that another page follows; returns the token of that page, or an empty one. A caller can
    /// read the cursor, so it contains nothing that the page did not show.
    pub fn next<T, C: AsRef<[u8]>>(
        &self,
        rows: &mut Vec<T>,
        cursor: impl FnOnce(&T) -> C,
    ) -> String {
        let last = self.size.cut(rows);
        last.map(|last| self.token(cursor(last).as_ref())).unwrap_or_default()
    }

    /// [`Page::next`] of entries that may be large: a page ends before they exceed 3 MiB, but has one at least.
    pub fn next_within_bytes<T, C: AsRef<[u8]>>(
        &self,
        entries: &mut Vec<T>,
        bytes: impl Fn(&T) -> usize,
        cursor: impl FnOnce(&T) -> C,
    ) -> String {
        let mut total = 0;
        let fitting = entries.iter().take_while(|entry| {
            total += bytes(entry);
            total <= MAX_PAGE_BYTES
        });
        let kept = fitting.count().clamp(1, self.size());
        let more = kept < entries.len();
        entries.truncate(kept);
        let last = entries.last().filter(|_| more);
        last.map(|last| self.token(cursor(last).as_ref())).unwrap_or_default()
    }

    /// [`Page::next`] of a list by id.
    pub fn next_after<T, A>(&self, rows: &mut Vec<T>, id: impl FnOnce(&T) -> Id<A>) -> String {
        self.next(rows, |row| id(row).uuid().into_bytes())
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

    #[test]
    fn a_full_page_is_followed_by_another_one() {
        let paging = Paging::new(&config::Page::default());
        let page = paging.page(&ListPricesRequest { page_size: 2, ..request("") }).unwrap();
        let ids: Vec<Id<()>> = (0..3).map(|_| Id::new()).collect();
        let (mut rows, mut last) = (ids.clone(), ids[..2].to_vec());
        let token = page.next_after(&mut rows, |id| *id);
        assert_eq!(rows, ids[..2]);
        assert_eq!(paging.page(&request(&token)).unwrap().after().unwrap(), ids[1]);
        assert_eq!(page.next_after(&mut last, |id| *id), "");
    }

    #[test]
    fn a_page_of_large_entries_ends_before_it_is_too_large_for_clients() {
        let paging = Paging::new(&config::Page::default());
        let page = paging.page(&ListPricesRequest { page_size: 3, ..request("") }).unwrap();
        let kept = |sizes: &[usize]| {
            let mut entries = sizes.to_vec();
            let next = page.next_within_bytes(&mut entries, |size| *size, |_| b"cursor");
            (entries.len(), !next.is_empty())
        };
        let half = MAX_PAGE_BYTES / 2;
        assert_eq!(kept(&[]), (0, false));
        assert_eq!(kept(&[1, 1, 1]), (3, false));
        assert_eq!(kept(&[1, 1, 1, 1]), (3, true));
        assert_eq!(kept(&[half, half, 1]), (2, true));
        assert_eq!(kept(&[5 * MAX_PAGE_BYTES]), (1, false));
        assert_eq!(kept(&[5 * MAX_PAGE_BYTES, 1]), (1, true));
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
