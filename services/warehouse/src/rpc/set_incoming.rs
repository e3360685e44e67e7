//! Says how many units are expected.

use crate::domain::incoming::Incoming;
use crate::stock::Room;
use crate::store::incoming::{self, MAX_REFERENCES};
use crate::{App, catalog, wire};
use convert::read;
use fault::{Common, Fault};
use warehouse_api::v1::{SetIncomingRequest, SetIncomingResponse};

/// Creates or replaces what has the reference; quantity 0 removes it.
pub async fn set_incoming(
    app: &App,
    request: SetIncomingRequest,
) -> Result<SetIncomingResponse, Fault> {
    if let Some(answer) = app.db.replayed(&request).await? {
        return Ok(answer);
    }
    let (sku, wanted) = read(|fields| {
        fields.message("incoming", request.incoming.as_ref(), |fields, sent| {
            let sku = fields.sku("sku", &sent.sku);
            let warehouse_id = fields.id("warehouse_id", &sent.warehouse_id);
            let reference = fields.name("reference", &sent.reference);
            let expected_at = fields.instant("expected_time", sent.expected_time.as_ref());
            let quantity = sent.quantity;
            let own = Incoming {
                warehouse_id: warehouse_id?,
                reference: reference?,
                quantity,
                expected_at: expected_at?,
            };
            Some((sku?, own))
        })
    })?;
    let item = &catalog::require(app, &sku, "incoming.sku").await?;
    let (sku, wanted) = (&sku, &wanted);
    app.db
        .write_once(&request, async move |tx| {
            let mut room = Room::open(app, tx, &[(item, wanted.warehouse_id)]).await?;
            let path = "incoming.warehouse_id";
            let level = room.level(sku, wanted.warehouse_id, path)?.clone();
            let others = incoming::count_others(tx, sku, &wanted.reference).await?;
            if wanted.quantity > 0 && others >= MAX_REFERENCES {
                let message = format!("{sku} has {others} references already; remove some first");
                return Err(Fault::field(Common::InvalidField, "incoming.reference", message));
            }
            if level.head.version == 0 {
                room.ledger.touch(level.head.id);
            }
            room.close(tx, level.head.id).await?;
            incoming::set(tx, level.head.id, wanted).await?;
            let incoming = (wanted.quantity > 0).then(|| wire::incoming::message(sku, wanted));
            Ok(SetIncomingResponse { incoming })
        })
        .await
}
