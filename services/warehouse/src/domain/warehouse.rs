//! Warehouses: what each is, and whom it serves.

use chrono::{DateTime, Utc};
use fault::Fault;
use kernel::head::{Change, Changed, Head};
use kernel::id::Id;
use serde::{Deserialize, Serialize};
use warehouse_api::v1::Reason;

/// A place that stock is kept in and shipped from. No two that exist have the same code, whatever its case.
#[derive(Debug, Clone, PartialEq)]
pub struct Warehouse {
    /// Its id, version and instants.
    pub head: Head<Warehouse>,
    /// What callers set.
    pub values: Values,
}

/// What callers set of a warehouse.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values {
    /// Short code.
    pub code: String,
    /// Name.
    pub name: String,
    /// Whether it ships.
    pub ships: bool,
    /// Where it is.
    pub address: Address,
    /// Where it ships to; none: everywhere.
    pub areas: Vec<Area>,
    /// Channels that it serves, as they are compared; none: all.
    pub channels: Vec<String>,
    /// The highest ships where nothing else decides.
    pub priority: i32,
    /// Cost of one shipment.
    pub shipment_cost_minor: i64,
    /// Where it is on the globe.
    pub point: Option<Point>,
    /// Threshold of its levels where neither SKU nor category has one.
    pub low_stock_threshold: Option<i64>,
}

/// A postal address; what is empty is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// Street and number.
    pub street: String,
    /// Place.
    pub city: String,
    /// Postcode.
    pub postcode: String,
    /// State or region.
    pub region: String,
    /// ISO 3166-1 alpha-2 code.
    pub country: String,
}

/// A country, or a part of it, that a warehouse ships to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// ISO 3166-1 alpha-2 code.
    pub country: String,
    /// Beginnings of postcodes, as they are compared; none: all.
    pub postcode_prefixes: Vec<String>,
}

/// A point on the globe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

/// Where units go to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Destination {
    /// ISO 3166-1 alpha-2 code; empty: not known.
    pub country: String,
    /// Postcode as it is compared; empty: not known.
    pub postcode: String,
    /// Channel of the sale as it is compared; empty: any.
    pub channel: String,
    /// Where that is.
    pub point: Option<Point>,
}

/// A postcode as it is compared: without blanks and hyphens, in capitals.
pub fn compared_postcode(text: &str) -> String {
    let kept = text.chars().filter(|own| !own.is_whitespace() && *own != '-');
    kept.flat_map(char::to_uppercase).collect()
}

impl Warehouse {
    /// A new one; `taken`: another one has the code.
    pub fn create(
        id: Id<Self>,
        values: Values,
        taken: bool,
        at: DateTime<Utc>,
    ) -> Result<(Self, Change), Fault> {
        refuse_taken(taken)?;
        Ok((Self { head: Head::new(id, at), values }, Change::Created))
    }

    /// Gives it the values of the fields that `mask` names; `taken`: another one has the code.
    pub fn update(
        &mut self,
        values: Values,
        mask: &[&str],
        taken: bool,
        expected: Option<i64>,
        at: DateTime<Utc>,
    ) -> Result<Option<Change>, Fault> {
        self.head.expect(expected)?;
        refuse_taken(taken)?;
        let (own, mut changed) = (&mut self.values, Changed::among(mask));
        changed.set("code", &mut own.code, values.code);
        changed.set("name", &mut own.name, values.name);
        changed.set("status", &mut own.ships, values.ships);
        changed.set("address", &mut own.address, values.address);
        changed.set("areas", &mut own.areas, values.areas);
        changed.set("channels", &mut own.channels, values.channels);
        changed.set("priority", &mut own.priority, values.priority);
        let cost = values.shipment_cost_minor;
        changed.set("shipment_cost_minor", &mut own.shipment_cost_minor, cost);
        changed.set("coordinates", &mut own.point, values.point);
        let threshold = values.low_stock_threshold;
        changed.set("low_stock_threshold", &mut own.low_stock_threshold, threshold);
        Ok(self.head.update(changed, at))
    }

    /// Deletes it unless `stocked` of its levels hold something.
    pub fn delete(
        &mut self,
        stocked: i64,
        expected: Option<i64>,
        at: DateTime<Utc>,
    ) -> Result<Change, Fault> {
        self.head.expect(expected)?;
        if stocked > 0 {
            let message = format!(
                "{stocked} SKUs are on hand, promised or held here; transfer them or count them to 0"
            );
            return Err(Fault::new(Reason::WarehouseInUse, message).with("skus", stocked));
        }
        Ok(self.head.delete(at))
    }

    /// Whether it ships to a place and for a channel, as far as these are known.
    pub fn serves(&self, to: &Destination) -> bool {
        self.values.ships && self.ships_to(to) && self.serves_channel(&to.channel)
    }

    fn ships_to(&self, to: &Destination) -> bool {
        let areas = &self.values.areas;
        areas.is_empty() || to.country.is_empty() || areas.iter().any(|area| area.holds(to))
    }

    fn serves_channel(&self, channel: &str) -> bool {
        let channels = &self.values.channels;
        channels.is_empty() || channel.is_empty() || channels.iter().any(|own| own == channel)
    }

    /// The refusal for one that does not exist.
    pub fn not_found(id: Id<Self>, path: &str) -> Fault {
        Fault::field(Reason::WarehouseNotFound, path, format!("there is no warehouse {id}"))
            .with("warehouse_id", id)
    }

    /// The refusal for one that does not ship.
    pub fn inactive(id: Id<Self>, path: &str) -> Fault {
        let message = format!("warehouse {id} is INACTIVE: it ships nothing new");
        Fault::field(Reason::WarehouseInactive, path, message).with("warehouse_id", id)
    }
}

impl Area {
    fn holds(&self, to: &Destination) -> bool {
        let prefixes = &self.postcode_prefixes;
        self.country == to.country
            && (prefixes.is_empty()
                || to.postcode.is_empty()
                || prefixes.iter().any(|prefix| to.postcode.starts_with(prefix)))
    }
}

impl Point {
    /// Meters along the great circle, by the haversine formula on a sphere of the Earth's mean radius.
    pub fn meters_to(self, other: Self) -> i64 {
        const RADIUS_METERS: f64 = 6_371_008.8;
        let (from, to) = (self.latitude.to_radians(), other.latitude.to_radians());
        let north = ((to - from) / 2.0).sin().powi(2);
        let east = ((other.longitude - self.longitude).to_radians() / 2.0).sin().powi(2);
        let chord = (north + from.cos() * to.cos() * east).clamp(0.0, 1.0);
        #[expect(clippy::cast_possible_truncation, reason = "at most half of the Earth's girth")]
        let meters = (2.0 * RADIUS_METERS * chord.sqrt().asin()).round() as i64;
        meters
    }
}

fn refuse_taken(taken: bool) -> Result<(), Fault> {
    if !taken {
        return Ok(());
    }
    Err(Fault::field(Reason::WarehouseCodeTaken, "warehouse.code", "belongs to another warehouse"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{second, warehouse};

    fn to(country: &str, postcode: &str) -> Destination {
        let postcode = compared_postcode(postcode);
        Destination { country: country.into(), postcode, ..Default::default() }
    }

    #[test]
    fn it_serves_countries_and_beginnings_of_postcodes() {
        let mut own = warehouse("W1");
        assert!(own.serves(&to("DE", "10115")), "without areas it serves all");
        let area = |country: &str, prefixes: &[&str]| Area {
            country: country.into(),
            postcode_prefixes: prefixes.iter().map(|prefix| compared_postcode(prefix)).collect(),
        };
        own.values.areas = vec![area("RS", &[]), area("GB", &["SW1", "ec 1"])];
        assert!(own.serves(&to("RS", "11000")));
        assert!(own.serves(&to("GB", "sw1a 1aa")));
        assert!(own.serves(&to("GB", "EC1-A")));
        assert!(own.serves(&to("GB", "")), "what is not known excludes nobody");
        assert!(own.serves(&to("", "")));
        assert!(!own.serves(&to("GB", "N1")));
        assert!(!own.serves(&to("DE", "")));
        own.values.ships = false;
        assert!(!own.serves(&to("RS", "")));
    }

    #[test]
    fn it_serves_channels() {
        let mut own = warehouse("W1");
        let sale = |channel: &str| Destination { channel: channel.into(), ..Default::default() };
        own.values.channels = vec!["web".into()];
        assert!(own.serves(&sale("web")) && own.serves(&sale("")));
        assert!(!own.serves(&sale("store")));
    }

    #[test]
    fn distances_follow_the_globe() {
        let point = |latitude, longitude| Point { latitude, longitude };
        let (belgrade, berlin) = (point(44.8125, 20.4612), point(52.52, 13.405));
        let meters = belgrade.meters_to(berlin);
        assert!((995_000..1_005_000).contains(&meters), "{meters}");
        assert_eq!(belgrade.meters_to(belgrade), 0);
        let across = point(0.0, 179.5).meters_to(point(0.0, -179.5));
        assert!((111_000..111_400).contains(&across), "{across}");
    }

    #[test]
    fn one_that_holds_something_stays() {
        let mut own = warehouse("W1");
        let fault = own.delete(2, None, second(5)).unwrap_err();
        assert!(fault.is(Reason::WarehouseInUse));
        assert_eq!(fault.metadata()["skus"], "2");
        assert_eq!(own.delete(0, Some(1), second(5)).unwrap(), Change::Deleted);
    }

    #[test]
    fn only_what_the_mask_names_changes() {
        let mut own = warehouse("W1");
        let values = Values { name: "North".into(), ships: false, ..own.values.clone() };
        let change = own.update(values, &["name"], false, Some(1), second(5)).unwrap();
        assert_eq!(change, Some(Change::Updated(vec!["name"])));
        assert!(own.values.ships);
    }
}
