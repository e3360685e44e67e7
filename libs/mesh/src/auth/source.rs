use crate::config::{Auth as Config, Server};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Longest JWKS that is read.
const MAX_BYTES: usize = 256 * 1024;
/// How long an issuer may take to answer.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Where public keys come from.
pub(super) enum Source {
    /// A file of this machine.
    File(PathBuf),
    /// The issuer's address.
    Url { url: String, client: reqwest::Client },
}

impl Source {
    pub(super) fn open(config: &Config, server: &Server) -> Result<Self, String> {
        let Some(url) = &config.jwks_url else {
            let default = || server.keys_folder().join("jwks.json");
            return Ok(Self::File(config.jwks_file.clone().unwrap_or_else(default)));
        };
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // The keys are those of this address and no other.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self::Url { url: url.clone(), client })
    }

    /// A revoked key is accepted for at most this long.
    pub(super) fn pause(&self) -> Duration {
        match self {
            Self::File(_) => Duration::from_secs(15),
            Self::Url { .. } => Duration::from_secs(300),
        }
    }

    /// Shortest time between two readings for unknown keys: tokens that name one are cheap to send.
    pub(super) fn pause_of_unknown(&self) -> Duration {
        match self {
            Self::File(_) => Duration::from_secs(1),
            Self::Url { .. } => Duration::from_secs(30),
        }
    }

    pub(super) async fn read(&self) -> Result<String, String> {
        match self {
            Self::File(path) => std::fs::read_to_string(path).map_err(|error| error.to_string()),
            Self::Url { url, client } => fetch(url, client).await,
        }
    }
}

async fn fetch(url: &str, client: &reqwest::Client) -> Result<String, String> {
    let answer = client.get(url).send().await.and_then(reqwest::Response::error_for_status);
    let mut answer = answer.map_err(|error| error.to_string())?;
    let mut text = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|error| error.to_string())? {
        text.extend_from_slice(&part);
        if text.len() > MAX_BYTES {
            return Err(format!("has more than {MAX_BYTES} bytes"));
        }
    }
    String::from_utf8(text).map_err(|error| error.to_string())
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url { url, .. } => f.write_str(url),
        }
    }
}
