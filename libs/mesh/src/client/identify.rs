use crate::auth::USER_TOKEN;
use crate::config::Timeouts;
use crate::identity::OwnToken;
use channel::{Prepare, grpc_timeout};
use fault::context::{Context as Work, current};
use fault::trace::TraceParent;
use fault::{Common, Fault};
use futures::future::BoxFuture;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;

/// Time that is reserved for the response to arrive and for the caller to process it.
const RESPONSE_MARGIN: Duration = Duration::from_millis(20);

/// Adds the context of the work in progress to each call: its ids, its caller, its deadline.
pub(super) struct Identify {
    own: Option<OwnToken>,
    timeouts: Arc<Timeouts>,
}

impl Identify {
    pub(super) fn new(own: Option<OwnToken>, timeouts: Arc<Timeouts>) -> Self {
        Self { own, timeouts }
    }

    fn identify(&self, path: &str, headers: &mut HeaderMap) -> Result<(), Fault> {
        let work = current();
        let method = contracts::policy(path).map(|policy| self.timeouts.of(policy));
        correlate(headers, &work);
        self.authorize(headers, &work)?;
        limit(headers, &work, method)
    }

    fn authorize(&self, headers: &mut HeaderMap, work: &Work) -> Result<(), Fault> {
        let user = work.caller.token.as_ref();
        let Some(own) = &self.own else {
            if let Some(user) = user {
                headers.insert(AUTHORIZATION, bearer(user)?);
            }
            return Ok(());
        };
        let own = own.get().map_err(Fault::internal)?;
        headers.insert(AUTHORIZATION, bearer(&own)?);
        if let Some(user) = user {
            headers.insert(USER_TOKEN, hidden(user.expose_secret())?);
        }
        Ok(())
    }
}

fn correlate(headers: &mut HeaderMap, work: &Work) {
    let traceparent = work.traceparent.clone();
    let traceparent = traceparent.unwrap_or_else(|| TraceParent::begin().to_string());
    let ids = [
        ("x-correlation-id", Some(&work.correlation_id)),
        ("x-causation-id", work.causation_id.as_ref()),
        ("traceparent", Some(&traceparent)),
    ];
    for (name, id) in ids {
        if let Some(value) = id.and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(name, value);
        }
    }
}

/// Sets the timeout of the call: the caller's remaining time, and at most the method's own timeout.
fn limit(headers: &mut HeaderMap, work: &Work, method: Option<Duration>) -> Result<(), Fault> {
    let left = work.remaining().map(|left| left.saturating_sub(RESPONSE_MARGIN));
    if left.is_some_and(|left| left.is_zero()) {
        let message = "the time for this call was up before another service could be asked";
        return Err(Fault::new(Common::DeadlineExceeded, message));
    }
    let shortest = [left, method, grpc_timeout(headers)].into_iter().flatten().min();
    if let Some(shortest) = shortest {
        // Milliseconds have room for a day in the header's eight digits.
        let millis = shortest.as_millis().clamp(1, 99_999_999);
        if let Ok(value) = HeaderValue::from_str(&format!("{millis}m")) {
            headers.insert("grpc-timeout", value);
        }
    }
    Ok(())
}

fn bearer(token: &SecretString) -> Result<HeaderValue, Fault> {
    hidden(&format!("Bearer {}", token.expose_secret()))
}

fn hidden(text: &str) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::from_str(text).map_err(Fault::internal)?;
    value.set_sensitive(true);
    Ok(value)
}

impl Prepare for Identify {
    fn prepare<'c>(
        &'c self,
        path: &'c str,
        headers: &'c mut HeaderMap,
    ) -> BoxFuture<'c, Result<(), Status>> {
        Box::pin(ready(self.identify(path, headers).map_err(Status::from)))
    }
}
