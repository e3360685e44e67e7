//! Levels and movements.

use crate::domain::ledger::{Booked, Kind, Movement};
use crate::domain::level::Level;
use crate::domain::rules::Rules;
use crate::domain::status::Status;
use contracts::{Aggregate, Fact};
use convert::{text, timestamp};
use kernel::head::{Change, Head};
use kernel::sku::Sku;
use pg::entity::Published;
use proto::{LowStock, MovementKind, StockChanged, StockStatus};
use warehouse_api::v1 as proto;

impl From<&Level> for proto::Stock {
    fn from(level: &Level) -> Self {
        Self {
            stock_id: level.head.id.to_string(),
            sku: level.sku.to_string(),
            product_id: level.product_id.to_string(),
            variant_id: level.variant_id.to_string(),
            warehouse_id: level.warehouse_id.to_string(),
            on_hand: level.on_hand,
            allocated: level.allocated,
            reserved: level.reserved,
            safety_stock: level.settings.safety_stock,
            backorder_limit: level.settings.backorder_limit,
            available: level.available(),
            backorderable: level.backorderable(),
            status: StockStatus::from(level.status).into(),
            low_stock_threshold: level.threshold,
            preorder_ship_time: level.settings.preorder_ships_at.map(timestamp),
            version: level.head.version,
            create_time: Some(timestamp(level.head.created_at)),
            update_time: Some(timestamp(level.head.updated_at)),
        }
    }
}

impl Published for Level {
    const FAMILY: &'static str = proto::Stock::FAMILY;

    fn head(&self) -> &Head<Self> {
        &self.head
    }

    /// What republishing says; changes are told by [`events`].
    fn event(&self, _change: &Change) -> Fact {
        Fact::from(&StockChanged { stock: Some(self.into()), movements: Vec::new() })
    }
}

/// The events of a change: that stock changed, and where it became low also that, with the version after it.
pub fn events(booked: &Booked) -> Vec<Fact> {
    let movements = booked.kinds.iter().map(|kind| MovementKind::from(*kind).into()).collect();
    let mut stock: proto::Stock = (&booked.level).into();
    if !booked.became_low {
        return vec![Fact::from(&StockChanged { stock: Some(stock), movements })];
    }
    let low = Fact::from(&LowStock { stock: Some(stock.clone()) });
    stock.version -= 1;
    vec![Fact::from(&StockChanged { stock: Some(stock), movements }), low]
}

impl From<Status> for StockStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::InStock => Self::InStock,
            Status::LowStock => Self::LowStock,
            Status::Preorder => Self::Preorder,
            Status::Backorder => Self::Backorder,
            Status::OutOfStock => Self::OutOfStock,
        }
    }
}

/// The status that a caller names.
pub fn status(sent: StockStatus) -> Option<Status> {
    Status::ALL.into_iter().find(|own| StockStatus::from(*own) == sent)
}

impl From<Kind> for MovementKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Receive => Self::Receive,
            Kind::Reserve => Self::Reserve,
            Kind::Release => Self::Release,
            Kind::Allocate => Self::Allocate,
            Kind::Deallocate => Self::Deallocate,
            Kind::Ship => Self::Ship,
            Kind::Return => Self::Return,
            Kind::Adjust => Self::Adjust,
            Kind::TransferOut => Self::TransferOut,
            Kind::TransferIn => Self::TransferIn,
            Kind::Count => Self::Count,
            Kind::Repair => Self::Repair,
        }
    }
}

/// A movement of a level.
pub fn movement(own: &Movement, level: &Level) -> proto::Movement {
    named_movement(own, &level.sku, level.warehouse_id)
}

/// A movement of a SKU in a warehouse.
pub fn named_movement(own: &Movement, sku: &Sku, warehouse_id: impl ToString) -> proto::Movement {
    let cause = &own.cause;
    proto::Movement {
        movement_id: own.id.to_string(),
        sku: sku.to_string(),
        warehouse_id: warehouse_id.to_string(),
        kind: MovementKind::from(own.kind).into(),
        quantity: own.quantity(),
        on_hand_after: own.after.on_hand,
        allocated_after: own.after.allocated,
        reserved_after: own.after.reserved,
        reservation_id: text(cause.reservation_id.as_ref()),
        order_id: text(cause.order_id.as_ref()),
        fulfillment_id: text(cause.fulfillment_id.as_ref()),
        transfer_id: text(cause.transfer_id.as_ref()),
        movement_key: text(cause.movement_key.as_ref()),
        note: cause.note.clone(),
        actor: cause.actor.clone(),
        create_time: Some(timestamp(own.at)),
        stock_version: own.stock_version,
    }
}

/// The rules of a SKU.
pub fn rules(sku: &Sku, own: &Rules) -> proto::SkuRules {
    proto::SkuRules {
        sku: sku.to_string(),
        low_stock_threshold: own.low_stock_threshold,
        minimum: own.minimum,
        maximum: own.maximum,
        step: own.step,
        hold_seconds: own.hold_seconds,
        update_time: own.updated_at.map(timestamp),
    }
}
