//! Warehouses.

use crate::domain::warehouse::{
    Address, Area, Destination, Point, Values, Warehouse, compared_postcode,
};
use contracts::{Aggregate, Fact};
use convert::{Fields, timestamp};
use kernel::head::{Change, Head};
use kernel::name::fold;
use pg::entity::Published;
use proto::{WarehouseCreated, WarehouseDeleted, WarehouseStatus, WarehouseUpdated};
use warehouse_api::v1 as proto;

/// The fields that an update may name.
pub const FIELDS: [&str; 10] = [
    "code",
    "name",
    "status",
    "address",
    "areas",
    "channels",
    "priority",
    "shipment_cost_minor",
    "coordinates",
    "low_stock_threshold",
];

/// Reads the `named` fields of a draft; the others stay empty.
pub fn draft(
    fields: &mut Fields,
    draft: &proto::WarehouseDraft,
    named: &[&'static str],
) -> Option<Values> {
    let is = |name: &str| named.contains(&name);
    let code = if is("code") { fields.name("code", &draft.code) } else { Some(String::new()) };
    let name = if is("name") { fields.name("name", &draft.name) } else { Some(String::new()) };
    let address = fields
        .within("address", |fields| address(fields, &draft.address.clone().unwrap_or_default()));
    let areas = fields.each("areas", &draft.areas, area);
    let channels = fields.each("channels", &draft.channels, |fields, text| {
        fields.name("", text).map(|name| fold(&name))
    });
    Some(Values {
        code: code?,
        name: name?,
        ships: draft.status() != WarehouseStatus::Inactive,
        address: address?,
        areas: areas?,
        channels: channels?,
        priority: draft.priority,
        shipment_cost_minor: draft.shipment_cost_minor,
        point: draft.coordinates.as_ref().map(point),
        low_stock_threshold: draft.low_stock_threshold,
    })
}

fn address(fields: &mut Fields, sent: &proto::Address) -> Option<Address> {
    let street = fields.text("street", &sent.street);
    let city = fields.text("city", &sent.city);
    let postcode = fields.text("postcode", &sent.postcode);
    let region = fields.text("region", &sent.region);
    let country = sent.country.clone();
    Some(Address { street: street?, city: city?, postcode: postcode?, region: region?, country })
}

fn area(fields: &mut Fields, sent: &proto::ServedArea) -> Option<Area> {
    let prefixes = fields.texts::<Vec<_>>("postcode_prefixes", &sent.postcode_prefixes)?;
    let postcode_prefixes = prefixes.iter().map(|prefix| compared_postcode(prefix)).collect();
    Some(Area { country: sent.country.clone(), postcode_prefixes })
}

/// A point on the globe.
pub fn point(sent: &proto::Coordinates) -> Point {
    Point { latitude: sent.latitude, longitude: sent.longitude }
}

/// A country and a postcode of it.
pub fn destination(country: &str, postcode: &str, channel: &str) -> Destination {
    Destination {
        country: country.to_owned(),
        postcode: compared_postcode(postcode),
        channel: fold(channel.trim()),
        point: None,
    }
}

impl From<&Warehouse> for proto::Warehouse {
    fn from(own: &Warehouse) -> Self {
        let Values { address, .. } = &own.values;
        let status = match own.values.ships {
            true => WarehouseStatus::Active,
            false => WarehouseStatus::Inactive,
        };
        Self {
            warehouse_id: own.head.id.to_string(),
            code: own.values.code.clone(),
            name: own.values.name.clone(),
            status: status.into(),
            address: Some(proto::Address {
                street: address.street.clone(),
                city: address.city.clone(),
                postcode: address.postcode.clone(),
                region: address.region.clone(),
                country: address.country.clone(),
            }),
            areas: own.values.areas.iter().map(Into::into).collect(),
            channels: own.values.channels.clone(),
            priority: own.values.priority,
            shipment_cost_minor: own.values.shipment_cost_minor,
            coordinates: own.values.point.map(|point| proto::Coordinates {
                latitude: point.latitude,
                longitude: point.longitude,
            }),
            low_stock_threshold: own.values.low_stock_threshold,
            version: own.head.version,
            create_time: Some(timestamp(own.head.created_at)),
            update_time: Some(timestamp(own.head.updated_at)),
        }
    }
}

impl From<&Area> for proto::ServedArea {
    fn from(area: &Area) -> Self {
        let Area { country, postcode_prefixes } = area.clone();
        Self { country, postcode_prefixes }
    }
}

impl Published for Warehouse {
    const FAMILY: &'static str = proto::Warehouse::FAMILY;

    fn head(&self) -> &Head<Self> {
        &self.head
    }

    fn event(&self, change: &Change) -> Fact {
        let warehouse = Some(self.into());
        match change {
            Change::Created => Fact::from(&WarehouseCreated { warehouse }),
            Change::Updated(_) => {
                Fact::from(&WarehouseUpdated { warehouse, changed: change.names() })
            }
            Change::Deleted => Fact::from(&WarehouseDeleted {
                warehouse_id: self.head.id.to_string(),
                version: self.head.version,
            }),
        }
    }
}
