//! Calls to other services: the one client stack, with what a service adds to its calls.

mod identify;

use crate::config::{Timeouts, services};
use crate::identity::OwnToken;
use channel::{ClientTls, Options};
use http::Uri;
use identify::Identify;
use std::sync::Arc;

/// Calls one other service: `CatalogServiceClient::new(client)`.
pub use channel::Channel as Client;

/// A client of the service `target` at `address`. Without an `own` token the user's token is passed on unchanged.
pub fn open(
    address: Uri,
    target: &str,
    own: Option<OwnToken>,
    timeouts: Arc<Timeouts>,
    tls: Option<ClientTls>,
) -> Result<Client, tonic::transport::Error> {
    let target = services().get(target).copied().unwrap_or("_OTHER");
    let options = Options::new(target, Identify::new(own, timeouts));
    Client::new(address, Options { tls, ..options })
}
