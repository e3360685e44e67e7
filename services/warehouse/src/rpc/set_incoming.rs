//! Says how many units are expected.

use crate::stock::Room;
use crate::store::incoming::{self, Incoming, MAX_REFERENCES};
use crate::{App, catalog};
use convert::{read, timestamp};
use fault::{Common, Fault};
use kernel::sku::Sku;
use warehouse_api::v1::{self as proto, SetIncomingRequest, SetIncomingResponse};

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
            let incoming = (wanted.quantity > 0).then(|| message(sku, wanted));
            Ok(SetIncomingResponse { incoming })
        })
        .await
}

/// Units that are expected, for callers.
pub fn message(sku: &Sku, own: &Incoming) -> proto::Incoming {
    proto::Incoming {
        warehouse_id: own.warehouse_id.to_string(),
        sku: sku.to_string(),
        reference: own.reference.clone(),
        quantity: own.quantity,
        expected_time: Some(timestamp(own.expected_at)),
    }
}
