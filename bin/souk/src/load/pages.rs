//! Lists that are read page by page.

use super::retry;
use anyhow::{Result, anyhow};
use tonic::{Response, Status};

/// Entries of a page: as many as services return.
pub const PAGE_SIZE: i32 = 500;

/// All entries of a list; `page` returns those of the page with a token, and the token of the next one.
pub async fn all_pages<T>(
    mut page: impl AsyncFnMut(String) -> Result<(Vec<T>, String)>,
) -> Result<Vec<T>> {
    let (mut all, mut token) = (Vec::new(), String::new());
    loop {
        let (entries, next) = page(token).await?;
        all.extend(entries);
        if next.is_empty() {
            return Ok(all);
        }
        token = next;
    }
}

/// Like [`retry::with_retries`], with `doing` in the error message.
pub async fn with_retries<T>(
    doing: &str,
    attempt: impl AsyncFnMut() -> Result<Response<T>, Status>,
) -> Result<T> {
    retry::with_retries(attempt).await.map_err(|fault| anyhow!("{doing}: {fault}"))
}
