//! One query over all segments: matches, order and facets, in one pass for each breadth at which words are looked for.

use std::sync::Arc;

use tantivy::query::{EnableScoring, Weight};
use tantivy::{DocId, Score, SegmentReader, TantivyError};

use super::columns::Columns;
use super::facets::facet_counts;
use super::matcher::Matcher;
use super::pack::WORD_BITS;
use super::plan::Plan;
use super::rank::{Best, Candidate, Rank};
use super::schema::Fields;
use super::stock::Shelf;
use super::tally::{Tally, Totals};
use super::volume::Snapshot;
use super::words::{Breadth, Words};
use crate::engine::EngineError;
use crate::engine::hits::{Hit, Hits};
use crate::engine::query::{Facet, MAX_HITS, Query, Sort};

/// With fewer products, words are looked for more broadly.
const FEW: u64 = 10;

/// Answers the query from one state of the index.
pub fn search(snapshot: &Snapshot, fields: &Fields, query: &Query) -> Result<Hits, EngineError> {
    query.check()?;
    Search::new(snapshot, query).run(fields).map_err(EngineError::failed("search the index"))
}

struct Search<'a> {
    snapshot: &'a Snapshot,
    query: &'a Query,
    plan: Plan,
    /// Whether a match or a count depends on values.
    asks_values: bool,
    scores: bool,
    /// Of the pass.
    tier: u8,
    total: u64,
    best: Best,
    facets: Vec<Totals>,
}

/// What is known of a segment, through all passes.
struct Segment {
    matcher: Matcher,
    /// One for each facet.
    tallies: Vec<Tally>,
    /// If what is sold out comes last.
    shelf: Option<Shelf>,
}

impl Segment {
    fn new(columns: &Arc<Columns>, plan: &Plan, query: &Query) -> Result<Segment, TantivyError> {
        let facets = query.facets.iter();
        let tallies = facets.map(|request| Tally::new(&request.facet, columns));
        Ok(Segment {
            matcher: Matcher::new(columns, plan, query)?,
            tallies: tallies.collect::<Result<_, _>>()?,
            shelf: match query.sort {
                Sort::Relevance => Some(Shelf::new(columns, query)?),
                _ => None,
            },
        })
    }
}

impl<'a> Search<'a> {
    fn new(snapshot: &'a Snapshot, query: &'a Query) -> Search<'a> {
        let plan = Plan::new(query);
        let facets = query.facets.iter().map(|request| Totals::new(&request.facet, query));
        Search {
            snapshot,
            query,
            asks_values: plan.depends_on_variants && !plan.term_filters.is_empty()
                || query
                    .facets
                    .iter()
                    .any(|it| !matches!(it.facet, Facet::Price(_) | Facet::InStock)),
            scores: query.is_by_score(),
            tier: 0,
            total: 0,
            best: Best::new(
                query.limit,
                query.after.map(|after| (Rank::of_cursor(after.rank), after.product_id)),
            ),
            facets: facets.collect(),
            plan,
        }
    }

    fn run(mut self, fields: &Fields) -> Result<Hits, TantivyError> {
        let searcher = &self.snapshot.searcher;
        let mut segments = self
            .snapshot
            .segments
            .iter()
            .map(|columns| Segment::new(columns, &self.plan, self.query))
            .collect::<Result<Vec<_>, _>>()?;
        // The pages that follow are of the products that the first one was of, however many there are now.
        let continued = self.query.after.map(|after| Rank::widest_of_cursor(after.rank));
        let (mut widest, mut widened) = (0, false);
        match Words::new(fields, searcher, &self.query.text)? {
            None => self.pass(self.plan.candidates(fields, None).as_ref(), &mut segments)?,
            Some(words) => {
                for breadth in Breadth::ALL {
                    let before = self.total;
                    self.tier = breadth as u8;
                    if continued.map_or(before >= FEW, |widest| self.tier > widest) {
                        break;
                    }
                    widest = self.tier;
                    if let Some(words) = words.clause(breadth)? {
                        let candidates = self.plan.candidates(fields, Some(words));
                        self.pass(candidates.as_ref(), &mut segments)?;
                    }
                    widened |= breadth == Breadth::Half && self.total > before;
                }
            }
        }
        for (segment, columns) in segments.iter_mut().zip(&self.snapshot.segments) {
            for (totals, tally) in self.facets.iter_mut().zip(segment.tallies.drain(..)) {
                totals.add(tally, columns)?;
            }
        }
        let best = std::mem::replace(&mut self.best, Best::new(0, None));
        let (behind, page, served) =
            (self.total - best.passed(), best.into_sorted(), self.query.served());
        let shown = page.len() as u64;
        let hits =
            page.iter().map(|it| self.hit(it, widest, &mut segments[it.segment].matcher)).collect();
        let facets = self.query.facets.iter().zip(self.facets);
        let facets =
            facets.map(|(request, totals)| facet_counts(request, &self.query.filters, totals));
        Ok(Hits {
            total: self.total,
            hits,
            served,
            more: behind > shown && !(self.scores && served + shown >= MAX_HITS as u64),
            state: None,
            facets: facets.collect(),
            widened,
        })
    }

    fn pass(
        &mut self,
        candidates: &dyn tantivy::query::Query,
        segments: &mut [Segment],
    ) -> Result<(), TantivyError> {
        let searcher = &self.snapshot.searcher;
        let scoring = if self.scores {
            EnableScoring::enabled_from_searcher(searcher)
        } else {
            EnableScoring::disabled_from_searcher(searcher)
        };
        let weight = candidates.weight(scoring)?;
        for (number, reader) in searcher.segment_readers().iter().enumerate() {
            self.search_segment(weight.as_ref(), number, reader, &mut segments[number])?;
        }
        Ok(())
    }

    fn search_segment(
        &mut self,
        weight: &dyn Weight,
        number: usize,
        reader: &SegmentReader,
        segment: &mut Segment,
    ) -> Result<(), TantivyError> {
        let Segment { matcher, tallies, shelf } = segment;
        let mut mask = Vec::new();
        let alive = reader.alive_bitset();
        let scores = self.scores;
        let mut look_at = |doc: DocId, score: Score| {
            if alive.is_some_and(|alive| !alive.is_alive(doc)) {
                return;
            }
            if !self.plan.depends_on_variants {
                return self.rank(|| matcher.lowest(doc), shelf.as_mut(), number, doc, score);
            }
            matcher.look_at(doc, self.asks_values, self.plan.asks_price);
            self.count(matcher, tallies, &mut mask);
            if matcher.matching_without(0, &mut mask) {
                let cheapest = || matcher.cheapest(&mask).map(|(_, amount)| amount);
                self.rank(cheapest, shelf.as_mut(), number, doc, score);
            }
        };
        if scores {
            weight.for_each(reader, &mut look_at)
        } else {
            weight.for_each_no_score(reader, &mut |docs| {
                docs.iter().for_each(|doc| look_at(*doc, 0.0));
            })
        }
    }

    fn count(&mut self, matcher: &Matcher, tallies: &mut [Tally], mask: &mut Vec<u64>) {
        let facets = self.plan.own_filters.iter().zip(tallies).zip(&mut self.facets);
        for ((own_filters, tally), totals) in facets {
            if matcher.matching_without(*own_filters, mask) {
                tally.count(matcher, mask, totals);
            }
        }
    }

    fn rank(
        &mut self,
        lowest: impl FnOnce() -> Option<i64>,
        shelf: Option<&mut Shelf>,
        segment: usize,
        doc: DocId,
        score: Score,
    ) {
        self.total += 1;
        let columns = &self.snapshot.segments[segment];
        let rank = match self.query.sort {
            Sort::Relevance if self.scores => Rank::by_score(score),
            Sort::Relevance => Rank::EQUAL,
            Sort::PriceAscending => Rank::by_lowest(lowest()),
            Sort::PriceDescending => Rank::by_highest(lowest()),
            Sort::Newest => Rank::by_highest(columns.created_at.first(doc)),
        };
        let mut rank = rank.in_tier(self.tier);
        // Most candidates are out of the question even if they can be bought.
        if let Some(shelf) = shelf
            && self.best.has_use_for(rank)
            && shelf.is_sold_out(doc)
        {
            rank = rank.sold_out();
        }
        let product_id = || columns.product.get(doc, 0);
        self.best.offer(rank, || Candidate { rank, product_id: product_id(), segment, doc });
    }

    /// What the page shows of a candidate is found out only now, for the few that are on it.
    fn hit(&self, candidate: &Candidate, widest: u8, matcher: &mut Matcher) -> Hit {
        let columns = &self.snapshot.segments[candidate.segment];
        let mut mask = Vec::new();
        matcher.look_at(candidate.doc, self.asks_values, true);
        matcher.matching_without(0, &mut mask);
        let cheapest = matcher.cheapest(&mask);
        let slot = cheapest.map_or_else(|| first_slot(&mask), |(slot, _)| slot);
        let has_variants = columns.variants.count(candidate.doc) > 0;
        Hit {
            product_id: candidate.product_id,
            revision: columns.revision.first(candidate.doc).unwrap_or_default(),
            rank: candidate.rank.to_cursor(widest),
            score: if self.scores { candidate.rank.score() } else { 0.0 },
            variant_id: has_variants.then(|| columns.variants.get(candidate.doc, slot)),
            amount_minor: cheapest.map(|(_, amount)| amount),
        }
    }
}

fn first_slot(mask: &[u64]) -> usize {
    let word = mask.iter().position(|word| *word != 0).unwrap_or_default();
    word * WORD_BITS + mask.get(word).map_or(0, |word| word.trailing_zeros() as usize)
}
