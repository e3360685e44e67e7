//! What GetPrice and BatchGetPrices select for.

use crate::domain::selection::Context;
use fault::Fault;
use pg::Tx;

/// A context whose instant may be left to the moment of the answer.
#[derive(Debug, Clone)]
pub struct PriceQuery {
    context: Context,
    is_now: bool,
}

impl PriceQuery {
    /// For the instant that the context names.
    pub fn at(context: Context) -> Self {
        Self { context, is_now: false }
    }

    /// For the instant at which it is answered.
    pub fn now(context: Context) -> Self {
        Self { context, is_now: true }
    }

    /// The context with its instant: now is by the database's clock, on which all replicas agree.
    pub async fn context(&self, tx: &mut Tx) -> Result<Context, Fault> {
        let mut context = self.context.clone();
        if self.is_now {
            context.at = tx.now().await?;
        }
        Ok(context)
    }
}
