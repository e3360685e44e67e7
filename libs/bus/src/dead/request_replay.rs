//! Requests a replay: a row that any process of the service takes up, even if the process that answered the request ends.

use contracts::operations::v1::{ReplayOrder, ReplayReport};
use fault::Fault;
use pg::Tx;
use pg::operations::{self, Operation};
use prost::Message;

/// Kind of the operations that replay dead letters.
pub const REPLAY: &str = "dead-replay";

/// Requests a replay of the dead letters up to position `order.last`. A service without any may have no consumers, and so no
/// process that would take it up: then it is done at once.
pub async fn request_replay(tx: &mut Tx, order: &ReplayOrder) -> Result<Operation, Fault> {
    let operation = operations::start(tx, REPLAY, Some(order.encode_to_vec())).await?;
    if order.last > 0 {
        return Ok(operation);
    }
    operations::succeed(tx, operation.id, Some(&ReplayReport::default())).await?;
    operations::find(tx, REPLAY, operation.id).await
}
