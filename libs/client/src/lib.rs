//! Calls Souk's services from Rust: an address and a token in, a typed client of every service out.
//!
//! ```no_run
//! use souk_client::pricing::v1::{GetPriceRequest, Item, PriceContext, item::Name};
//! use souk_client::{Client, Refusal};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let souk = Client::connect("http://souk:50051", "<token>")?;
//! let asked = GetPriceRequest {
//!     item: Some(Item { name: Some(Name::Sku("LAMP-1".into())) }),
//!     context: Some(PriceContext { currency_code: "USD".into(), ..Default::default() }),
//! };
//! match souk.pricing().get_price(asked).await {
//!     Ok(answer) => println!("{:?}", answer.into_inner()),
//!     Err(status) => println!("{:?}: {}", status.reason(), status.message()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What every call gets:
//! - It goes to one of all addresses that the name has, by load. Addresses are resolved anew every 5 s; those that are broken or far
//!   slower than others are left out for a time.
//! - It is repeated, at most twice, where the contract says that it can be, within its deadline and a budget of a tenth of all calls.
//! - A change without a `request_id` gets one, so that repeating it has no second effect. Set your own where you repeat a call yourself.
//! - It ends after the method's timeout of the contract, or yours: `request.set_timeout(…)`.
//! - While a service fails most calls, none are made for some seconds; no more than 1,024 are under way at a time.
//!
//! Lists come in pages; [`Client::pages`] reads one after the other. [`Refusal::reason`] tells why a call was refused. Metrics go to the
//! recorder of the crate `metrics`, where the program has one.

mod client;
mod pages;
mod reason;
mod token;

pub use analytics_api as analytics;
pub use catalog_api as catalog;
pub use channel::Channel;
pub use client::{Client, ConnectError, Settings};
pub use contracts::{operations, types};
pub use pricing_api as pricing;
pub use reason::{Reason, Refusal};
pub use search_api as search;
pub use token::TokenSource;
pub use warehouse_api as warehouse;
