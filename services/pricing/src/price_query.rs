//! What GetPrice and BatchGetPrices select for.

use crate::domain::selection::Context;
use chrono::{DateTime, Utc};

/// A context whose instant may be left to the moment of the answer.
#[derive(Debug, Clone)]
pub struct PriceQuery {
    /// The context, with the instant that was named.
    pub context: Context,
    /// Whether none was named.
    pub is_now: bool,
}

impl PriceQuery {
    /// The context with its instant. `now` is by the database's clock, on which all replicas agree.
    pub fn context(&self, now: DateTime<Utc>) -> Context {
        let at = if self.is_now { now } else { self.context.at };
        Context { at, ..self.context.clone() }
    }
}
