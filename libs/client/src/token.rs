use channel::{Prepare, refusal};
use contracts::types::v1::Reason as Common;
use futures::future::{BoxFuture, ready};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use tonic::Status;

type Token = BoxFuture<'static, Result<SecretString, Status>>;

/// Where the token of each call comes from: a text is always the same token, a function is asked for each call.
#[derive(Clone)]
pub struct TokenSource(Arc<dyn Fn() -> Token + Send + Sync>);

impl TokenSource {
    /// Asks `source` for the token of each call; it keeps a token as long as that is valid.
    ///
    /// ```
    /// use souk_client::TokenSource;
    ///
    /// let fresh = TokenSource::new(|| async { std::fs::read_to_string("/run/secrets/souk-token") });
    /// ```
    pub fn new<F, T, E>(source: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<String, E>> + Send + 'static,
        E: Error,
    {
        Self(Arc::new(move || {
            let token = source();
            Box::pin(async move {
                let failed = |error| format!("no token could be had: {error}");
                let token = token.await.map_err(|error| missing(&failed(error)))?;
                Ok(token.trim().to_owned().into())
            })
        }))
    }
}

fn missing(message: &str) -> Status {
    refusal(Common::TokenMissing, message)
}

impl From<SecretString> for TokenSource {
    fn from(token: SecretString) -> Self {
        Self(Arc::new(move || Box::pin(ready(Ok(token.clone())))))
    }
}

impl From<String> for TokenSource {
    fn from(token: String) -> Self {
        SecretString::from(token).into()
    }
}

impl From<&str> for TokenSource {
    fn from(token: &str) -> Self {
        token.to_owned().into()
    }
}

impl Prepare for TokenSource {
    fn prepare<'c>(
        &'c self,
        _path: &'c str,
        headers: &'c mut HeaderMap,
    ) -> BoxFuture<'c, Result<(), Status>> {
        Box::pin(async move {
            let token = (self.0)().await?;
            let bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()));
            let mut bearer = bearer.map_err(|_| missing("the token has signs that none has"))?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
            Ok(())
        })
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("TokenSource").finish_non_exhaustive()
    }
}
