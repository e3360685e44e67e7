//! Pages by number, beside those that are continued by a token: `?page=3&limit=20` answers an exact total up to 10,000.

use crate::answer;
use fault::{Common, Fault};
use futures::future::BoxFuture;
use http::HeaderMap;
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage, Value};
use serde_json::{Value as Json, json};
use tonic::Status;

/// Entries beyond this are neither counted nor shown.
const MAX_TOTAL: usize = 10_000;
/// Most entries of a page.
const MAX_LIMIT: usize = 250;
const DEFAULT_LIMIT: usize = 20;

/// A page by its number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Numbered {
    page: usize,
    limit: usize,
}

impl Numbered {
    /// Takes `page` and `limit` out of a query; none where it has neither.
    pub(crate) fn take(
        query: &mut Vec<(String, String)>,
        input: &MessageDescriptor,
    ) -> Result<Option<Self>, Fault> {
        let is_list = ["page_size", "page_token"];
        if !is_list.iter().all(|name| input.get_field_by_name(name).is_some()) {
            return Ok(None);
        }
        let (page, limit) = (take(query, "page", MAX_TOTAL)?, take(query, "limit", MAX_LIMIT)?);
        if page.is_none() && limit.is_none() {
            return Ok(None);
        }
        let (page, limit) = (page.unwrap_or(1), limit.unwrap_or(DEFAULT_LIMIT));
        let by_token = ["page_size", "pageSize", "page_token", "pageToken"];
        if query.iter().any(|(name, _)| by_token.contains(&name.as_str())) {
            let message = "give page and limit, or pageSize and pageToken";
            return Err(Fault::field(Common::InvalidField, "page", message));
        }
        if page * limit > MAX_TOTAL {
            let message = format!("ends behind the {MAX_TOTAL}th entry; continue by pageToken");
            return Err(Fault::field(Common::InvalidField, "page", message));
        }
        Ok(Some(Self { page, limit }))
    }

    /// The page as JSON, collected from pages that are continued.
    pub(crate) async fn collect<'c>(
        &self,
        request: DynamicMessage,
        call: impl Fn(DynamicMessage) -> BoxFuture<'c, Result<(DynamicMessage, HeaderMap), Status>>,
    ) -> Result<(Json, HeaderMap), Status> {
        let (from, until) = ((self.page - 1) * self.limit, self.page * self.limit);
        let (mut seen, mut items, mut shown) = (0, Vec::new(), None);
        let mut token = String::new();
        loop {
            let mut next = request.clone();
            set(&mut next, "page_size", Value::I32(MAX_LIMIT as i32));
            set(&mut next, "page_token", Value::String(token));
            let (answer, headers) = call(next).await?;
            let mut json = answer::json(&answer);
            let Some(name) = list(&answer) else {
                return Err(Status::internal("the answer has no list"));
            };
            let page = json.get_mut(&name).map(Json::take).unwrap_or_default();
            for item in page.as_array().into_iter().flatten() {
                if (from..until).contains(&seen) {
                    items.push(item.clone());
                }
                seen += 1;
            }
            token = next_token(&answer);
            // A service that counts says so on each page.
            let counted = answer.get_field_by_name("total").and_then(|total| total.as_i64());
            let enough = counted.is_some() && seen >= until;
            let (json, headers, name) = shown.get_or_insert((json, headers, name));
            if token.is_empty() || seen >= MAX_TOTAL || enough {
                let total = counted.map_or(seen, |total| usize::try_from(total).unwrap_or(seen));
                let paging = json!({ "page": self.page, "limit": self.limit, "total": total.min(MAX_TOTAL) });
                if let (Some(json), Json::Object(paging)) = (json.as_object_mut(), paging) {
                    json.insert(name.clone(), Json::Array(items));
                    json.remove("nextPageToken");
                    json.extend(paging);
                }
                return Ok((json.take(), headers.clone()));
            }
        }
    }
}

fn take(
    query: &mut Vec<(String, String)>,
    name: &'static str,
    max: usize,
) -> Result<Option<usize>, Fault> {
    let Some(at) = query.iter().position(|(own, _)| own == name) else { return Ok(None) };
    let (_, value) = query.remove(at);
    let number = value.parse().ok().filter(|number| (1..=max).contains(number));
    let wrong = || Fault::field(Common::InvalidField, name, format!("must be 1 to {max}"));
    number.map(Some).ok_or_else(wrong)
}

fn set(message: &mut DynamicMessage, name: &str, value: Value) {
    message.set_field_by_name(name, value);
}

fn next_token(answer: &DynamicMessage) -> String {
    let token = answer.get_field_by_name("next_page_token");
    token.and_then(|token| token.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The JSON name of the list that a page holds: its first.
fn list(answer: &DynamicMessage) -> Option<String> {
    let descriptor = answer.descriptor();
    descriptor.fields().find(|field| field.is_list()).map(|field| field.json_name().to_owned())
}
