//! Counting the facets: per segment by place in its dictionary, then over all segments by term.

use std::collections::HashMap;
use std::io;
use std::ops::Range;

use super::columns::Columns;
use super::matcher::Matcher;
use super::terms;
use crate::engine::query::{Facet, PriceRange, Query};

/// The counts of one facet over all segments.
pub enum Totals {
    /// Products by term.
    Terms(HashMap<Vec<u8>, u64>),
    /// Products by range.
    Prices(PriceTotals),
    /// Products that are out of stock, and in stock.
    Stock([u64; 2]),
}

/// The counts of a price facet.
pub struct PriceTotals {
    /// The ranges counted and how many products have a variant in each.
    pub ranges: Vec<(PriceRange, u64)>,
    /// The lowest and the highest amount.
    pub bounds: Option<(i64, i64)>,
    /// The ranges are ascending and apart, as those of the ladder, so that one can be searched.
    are_steps: bool,
    hit: Vec<usize>,
}

impl Totals {
    /// Zero of everything the facet counts.
    pub fn new(facet: &Facet, query: &Query) -> Totals {
        let requested = match facet {
            Facet::Price(requested) => requested,
            Facet::InStock => return Totals::Stock([0; 2]),
            _ => return Totals::Terms(HashMap::new()),
        };
        let mut ranges = if requested.is_empty() { ladder() } else { requested.clone() };
        // Selected ranges are always returned, even if they are not among the requested ones.
        ranges.extend(query.filters.price.filter(|selected| !ranges.contains(selected)));
        Totals::Prices(PriceTotals::new(ranges))
    }

    /// Adds what a segment counted.
    pub fn add(&mut self, tally: Tally, columns: &Columns) -> io::Result<()> {
        let (Totals::Terms(totals), Some(places)) = (self, tally.places) else { return Ok(()) };
        let counted: Vec<(u64, u64)> = places
            .zip(tally.counts)
            .filter(|(_, count)| *count > 0)
            .map(|(place, count)| (place, u64::from(count)))
            .collect();
        let places: Vec<u64> = counted.iter().map(|(place, _)| *place).collect();
        let terms = columns.values.terms(&places)?;
        for (term, (_, count)) in terms.into_iter().zip(counted) {
            *totals.entry(term).or_default() += count;
        }
        Ok(())
    }
}

/// The counts of one facet within one segment.
pub struct Tally {
    /// What it counts, as places in the segment's dictionary; a facet of prices or stock has none.
    places: Option<Range<u64>>,
    counts: Vec<u32>,
}

impl Tally {
    /// Looks the facet up in the segment's dictionary.
    pub fn new(facet: &Facet, columns: &Columns) -> io::Result<Tally> {
        let span = terms::facet_span(facet);
        let places = span.map(|span| columns.values.places_of_common(span)).transpose()?;
        let size = places.as_ref().map_or(0, |places| places.end - places.start);
        Ok(Tally { places, counts: vec![0; size as usize] })
    }

    /// Counts the last document the matcher looked at, by those of its slots that are in the mask.
    pub fn count(&mut self, matcher: &Matcher, mask: &[u64], totals: &mut Totals) {
        if let Some(places) = &self.places {
            for place in matcher.values_within(places, mask) {
                self.counts[(place - places.start) as usize] += 1;
            }
        }
        match totals {
            Totals::Prices(totals) => totals.count(matcher, mask),
            Totals::Stock(totals) => {
                let has = matcher.out_of_and_in_stock(mask);
                totals.iter_mut().zip(has).for_each(|(total, has)| *total += u64::from(has));
            }
            Totals::Terms(_) => {}
        }
    }
}

impl PriceTotals {
    fn new(ranges: Vec<PriceRange>) -> PriceTotals {
        let follows = |pair: &[PriceRange]| match pair {
            [left, right] => left.max_minor.is_some() && left.max_minor < right.min_minor,
            _ => true,
        };
        PriceTotals {
            are_steps: ranges.windows(2).all(follows),
            ranges: ranges.into_iter().map(|range| (range, 0)).collect(),
            bounds: None,
            hit: Vec::new(),
        }
    }

    fn count(&mut self, matcher: &Matcher, mask: &[u64]) {
        self.hit.clear();
        for (_, amount) in matcher.amounts_of(mask) {
            let (lowest, highest) = self.bounds.unwrap_or((amount, amount));
            self.bounds = Some((lowest.min(amount), highest.max(amount)));
            let is_below = |range: &PriceRange| range.max_minor.is_some_and(|max| max < amount);
            let first = match self.are_steps {
                true => self.ranges.partition_point(|(range, _)| is_below(range)),
                false => 0,
            };
            let reach = if self.are_steps { 1 } else { self.ranges.len() };
            let within = self.ranges.iter().enumerate().skip(first).take(reach);
            self.hit.extend(within.filter(|(_, (it, _))| it.contains(amount)).map(|(at, _)| at));
        }
        // Several variants in one range are one product.
        self.hit.sort_unstable();
        self.hit.dedup();
        self.hit.iter().for_each(|at| self.ranges[*at].1 += 1);
    }
}

/// 0, 1 up to below 2, 2 up to below 5, 5 up to below 10, and so on: steps that suit cheap and
/// expensive products alike.
fn ladder() -> Vec<PriceRange> {
    let decades = (0..18).map(|exponent| 10_i64.pow(exponent));
    let mut starts = vec![0];
    starts.extend(decades.flat_map(|decade| [decade, 2 * decade, 5 * decade]));
    let ends = starts.iter().skip(1).map(|next| Some(next - 1)).chain([None]);
    let steps = starts.iter().zip(ends);
    steps.map(|(min, max)| PriceRange { min_minor: Some(*min), max_minor: max }).collect()
}
