//! What is wanted, where it goes to, and which warehouse ships it.

use super::warehouse::{destination, point};
use crate::domain::allocation::{Context, Need, Pick, Rule, summed};
use crate::domain::warehouse::Warehouse;
use convert::Fields;
use kernel::id::Id;
use proto::AllocationRule;
use std::collections::BTreeMap;
use warehouse_api::v1 as proto;

/// The needs of lines, those of one SKU and warehouse added up.
pub fn needs(fields: &mut Fields, lines: &[proto::WantedLine]) -> Option<Vec<Need>> {
    let needs: Vec<(kernel::sku::Sku, Option<Id<Warehouse>>, i64)> =
        fields.each("lines", lines, |fields, line| {
            let sku = fields.sku("sku", &line.sku);
            let warehouse_id = fields.optional_id("warehouse_id", &line.warehouse_id);
            Some((sku?, warehouse_id?, line.quantity))
        })?;
    let needs = needs.into_iter().enumerate().map(|(place, (sku, warehouse_id, quantity))| Need {
        sku,
        warehouse_id,
        quantity,
        path: format!("lines[{place}]"),
    });
    Some(summed(needs))
}

/// Where the units go to, and how warehouses are chosen.
pub fn context(fields: &mut Fields, sent: Option<&proto::AllocationContext>) -> Option<Context> {
    let Some(sent) = sent else { return Some(Context::default()) };
    let preferred = fields.within("context", |fields| {
        fields.ids("preferred_warehouse_ids", &sent.preferred_warehouse_ids)
    });
    let mut to = destination(&sent.country, &sent.postcode, &sent.channel);
    to.point = sent.coordinates.as_ref().map(point);
    Some(Context {
        to,
        rules: sent.rules().filter_map(rule).collect(),
        preferred: preferred?,
        max_shipments: usize::try_from(sent.max_shipments).ok().filter(|most| *most > 0),
    })
}

fn rule(sent: AllocationRule) -> Option<Rule> {
    Some(match sent {
        AllocationRule::Unspecified => return None,
        AllocationRule::Preferred => Rule::Preferred,
        AllocationRule::MinSplits => Rule::MinSplits,
        AllocationRule::SameCountry => Rule::SameCountry,
        AllocationRule::Distance => Rule::Distance,
        AllocationRule::LowestCost => Rule::LowestCost,
        AllocationRule::HighestStock => Rule::HighestStock,
        AllocationRule::Priority => Rule::Priority,
    })
}

/// What each warehouse ships, the most units first.
pub fn shipments(needs: &[Need], picks: &[Pick]) -> Vec<proto::Shipment> {
    let mut lines: BTreeMap<Id<Warehouse>, BTreeMap<String, proto::ShipmentLine>> = BTreeMap::new();
    for pick in picks {
        let sku = needs[pick.need].sku.to_string();
        let line = lines.entry(pick.warehouse_id).or_default().entry(sku.clone()).or_default();
        line.sku = sku;
        line.quantity += pick.quantity;
        line.backordered += pick.backordered;
    }
    let mut shipments: Vec<proto::Shipment> = lines
        .into_iter()
        .map(|(id, lines)| proto::Shipment {
            warehouse_id: id.to_string(),
            lines: lines.into_values().collect(),
        })
        .collect();
    let units = |own: &proto::Shipment| own.lines.iter().map(|line| line.quantity).sum::<i64>();
    shipments.sort_by_key(|own| std::cmp::Reverse(units(own)));
    shipments
}
