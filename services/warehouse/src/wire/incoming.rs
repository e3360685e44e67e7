//! Units that are expected.

use crate::domain::incoming::Incoming;
use convert::timestamp;
use kernel::sku::Sku;
use warehouse_api::v1 as proto;

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
