//! Pages of a list: tokens bound to the query that they go on with, and sizes.

use crate::config::Page;
use fault::{Common, Fault};
use kernel::digest::sha256;
use kernel::page::{PageKeys, PageSize};
use prost::Message;
use secrecy::ExposeSecret;
use uuid::Uuid;

/// Seals and opens page tokens with the configured keys.
#[derive(Debug, Clone)]
pub struct Paging {
    keys: PageKeys,
}

impl Paging {
    /// With the configured keys, or with a random one that ends with the process.
    pub fn new(config: &Page) -> Self {
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

    /// The cursor in a request's page token; none for the first page. `args` is the request with `page_token` and `page_size` cleared, so a
    /// caller may change the size between pages but nothing else. Refused with PAGE_TOKEN_INVALID.
    pub fn open<M: Message>(
        &self,
        method: &str,
        args: &M,
        token: &str,
    ) -> Result<Option<Vec<u8>>, Fault> {
        if token.is_empty() {
            return Ok(None);
        }
        let opened = self.keys.open(method, &digest(args), token);
        opened.map(Some).map_err(refusal)
    }

    /// The token for the page after `cursor`. A caller can read the cursor, so it holds nothing that the page did not show.
    pub fn seal<M: Message>(&self, method: &str, args: &M, cursor: &[u8]) -> String {
        self.keys.seal(method, &digest(args), cursor)
    }

    /// The id after which a page of a list by id begins; none for the first page. Refused like [`Paging::open`].
    pub fn after<M: Message>(
        &self,
        method: &str,
        args: &M,
        token: &str,
    ) -> Result<Option<Uuid>, Fault> {
        let cursor = self.open(method, args, token)?;
        cursor.map(|bytes| Uuid::from_slice(&bytes)).transpose().map_err(refusal)
    }

    /// The token for the page after that id; empty where there is none.
    pub fn next<M: Message>(&self, method: &str, args: &M, last: Option<Uuid>) -> String {
        last.map(|last| self.seal(method, args, last.as_bytes())).unwrap_or_default()
    }

    /// The numbers that say where a page of a list by position begins; none for the first page. Refused like
    /// [`Paging::open`].
    pub fn places<M: Message, const N: usize>(
        &self,
        method: &str,
        args: &M,
        token: &str,
    ) -> Result<Option<[u64; N]>, Fault> {
        let Some(cursor) = self.open(method, args, token)? else { return Ok(None) };
        let (numbers, rest) = cursor.as_chunks::<8>();
        let numbers: Vec<u64> = numbers.iter().map(|bytes| u64::from_be_bytes(*bytes)).collect();
        // Only a key that another release uses too could seal other cursors for this method.
        let wrong = || refusal(std::io::Error::other("a cursor of another length"));
        let places = <[u64; N]>::try_from(numbers).map_err(|_| wrong())?;
        if rest.is_empty() { Ok(Some(places)) } else { Err(wrong()) }
    }

    /// The token for the page that begins there; empty where there is none.
    pub fn next_places<M: Message, const N: usize>(
        &self,
        method: &str,
        args: &M,
        next: Option<[u64; N]>,
    ) -> String {
        let cursor = next.map(|places| places.map(u64::to_be_bytes));
        cursor.map(|cursor| self.seal(method, args, cursor.as_flattened())).unwrap_or_default()
    }

    /// The number of rows for a request's `page_size`.
    pub fn size(requested: i32) -> Result<PageSize, Fault> {
        Self::size_up_to(requested, PageSize::MAX.get())
    }

    /// The same for a list whose pages may hold more rows than usual.
    pub fn size_up_to(requested: i32, most: u16) -> Result<PageSize, Fault> {
        PageSize::up_to(requested, most).map_err(|error| {
            Fault::field(Common::InvalidField, "page_size", "must not be negative").because(error)
        })
    }
}

fn refusal(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    let message = "was not made for these arguments; start at the first page";
    Fault::field(Common::PageTokenInvalid, "page_token", message).because(error)
}

fn digest(args: &impl Message) -> [u8; 32] {
    sha256(&args.encode_to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::pricing::v1::{Item, ListPricesRequest};

    const LIST: &str = "/souk.pricing.v1.PricingService/ListPrices";

    #[test]
    fn a_token_goes_on_with_its_own_query_only() {
        let paging = Paging::new(&Page::default());
        let args = ListPricesRequest::default();
        let token = paging.seal(LIST, &args, b"after 7");
        assert_eq!(paging.open(LIST, &args, &token).unwrap(), Some(b"after 7".to_vec()));
        assert_eq!(paging.open(LIST, &args, "").unwrap(), None);

        let other = ListPricesRequest { item: Some(Item::default()), ..args };
        let fault = paging.open(LIST, &other, &token).unwrap_err();
        assert!(fault.is(Common::PageTokenInvalid));
        assert_eq!(fault.violations()[0].field, "page_token");
    }

    #[test]
    fn places_come_back_and_a_cursor_of_another_kind_is_refused() {
        let paging = Paging::new(&Page::default());
        let args = ListPricesRequest::default();
        let token = paging.next_places(LIST, &args, Some([7, u64::MAX]));
        assert_eq!(paging.places(LIST, &args, &token).unwrap(), Some([7, u64::MAX]));
        assert_eq!(paging.places::<_, 1>(LIST, &args, "").unwrap(), None);
        assert_eq!(paging.next_places::<_, 1>(LIST, &args, None), "");
        let other = paging.places::<_, 1>(LIST, &args, &token).unwrap_err();
        assert!(other.is(Common::PageTokenInvalid));
    }

    #[test]
    fn replicas_with_the_same_key_open_each_others_tokens() {
        let page = |key: &str, previous: Option<&str>| Page {
            key: Some(key.to_owned().into()),
            previous_key: previous.map(|key| key.to_owned().into()),
        };
        let (old, new) = ("o".repeat(32), "n".repeat(32));
        let args = ListPricesRequest::default();
        let token = Paging::new(&page(&old, None)).seal(LIST, &args, b"7");
        assert!(Paging::new(&page(&old, None)).open(LIST, &args, &token).is_ok());
        assert!(Paging::new(&page(&new, Some(&old))).open(LIST, &args, &token).is_ok());
        assert!(Paging::new(&page(&new, None)).open(LIST, &args, &token).is_err());
    }
}
