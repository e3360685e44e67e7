//! What GetPrice and BatchGetPrices are asked for.

use crate::domain::selection::Context;
use fault::Fault;
use pg::Tx;

/// A context, whose instant may still be to come.
#[derive(Debug, Clone)]
pub struct Asked {
    context: Context,
    now: bool,
}

impl Asked {
    /// For the instant that the context names.
    pub fn then(context: Context) -> Self {
        Self { context, now: false }
    }

    /// For the instant at which it is answered.
    pub fn now(context: Context) -> Self {
        Self { context, now: true }
    }

    /// The context with its instant: now is by the database's clock, on which all replicas agree.
    pub async fn at(&self, tx: &mut Tx) -> Result<Context, Fault> {
        let mut context = self.context.clone();
        if self.now {
            context.at = tx.now().await?;
        }
        Ok(context)
    }
}
