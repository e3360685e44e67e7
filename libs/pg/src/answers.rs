//! Whether the database answers those that call it.

use crate::Db;
use crate::not_opened::{NotOpened, refusal};
use crate::pool::{Purpose, connect};
use deadpool::managed::PoolError;
use diesel_async::SimpleAsyncConnection;
use fault::{Common, Fault};
use std::time::Duration;
use tokio::time::timeout;

/// How long the connections of calls are waited for before a new one is asked instead, and how long that one may take.
const PATIENCE: Duration = Duration::from_millis(750);

impl Db {
    /// Whether the database answers. Asked on the connections that calls use: they go on where the server takes no new ones. Where none
    /// becomes free, a new one is asked, since a full pool says nothing about the database.
    pub async fn answers(&self) -> Result<(), Fault> {
        match timeout(PATIENCE, self.due()).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(fault)) if !fault.is(Common::Overloaded) => return Err(fault),
            Ok(Err(_)) | Err(_) => {}
        }
        match self.ask_anew().await.map_err(|error| refusal(PoolError::Backend(error))) {
            // A server that refuses a connection because it has too many does answer.
            Err(fault) if !fault.is(Common::Overloaded) => Err(fault),
            _ => Ok(()),
        }
    }

    async fn ask_anew(&self) -> Result<(), NotOpened> {
        let asked = async {
            let mut connection = connect(self.url(), Purpose::Keyed).await?;
            connection.batch_execute("select 1").await.map_err(NotOpened::NotAnswered)
        };
        timeout(PATIENCE, asked).await.unwrap_or(Err(NotOpened::Silent))
    }
}
