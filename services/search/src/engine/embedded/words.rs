//! The words of a query as clauses of tantivy, from the strictest reading of the query to the widest.

use super::schema::Fields;
use crate::engine::text::{self, Alternative, QueryWord};
use std::ops::Bound;
use tantivy::query::{
    BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, EmptyQuery,
    InvertedIndexRangeQuery, Occur, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Searcher, TantivyError, Term};

/// Part of a tantivy query.
pub type Clause = Box<dyn tantivy::query::Query>;

/// Of a product whose SKU is the whole query: more than words ever have.
const SKU_SCORE: f32 = 1_000_000.0;
/// Of a product one of whose SKUs is a word of the query: about that of a rare word.
const CODE_SCORE: f32 = 10.0;
/// How many words a beginning may begin.
const MAX_BEGUN: u64 = 1_000;

/// How a product matches the words; the strictest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breadth {
    /// It has all words.
    Whole,
    /// It has all words, some of which are only the beginnings of its own.
    Begun,
    /// It has at least half of them, in whole or as beginnings.
    Half,
}

impl Breadth {
    /// From the strictest on.
    pub const ALL: [Breadth; 3] = [Breadth::Whole, Breadth::Begun, Breadth::Half];
}

/// What a query asks of the words of a product.
pub struct Words<'a> {
    fields: &'a Fields,
    searcher: &'a Searcher,
    sku: Term,
    /// The same without signs.
    code: String,
    /// Whether the query is a SKU and nothing else is meant.
    is_sku: bool,
    words: Vec<QueryWord>,
}

impl<'a> Words<'a> {
    /// Looks the words up; none for a query without any text.
    pub fn new(
        fields: &'a Fields,
        searcher: &'a Searcher,
        query: &str,
    ) -> Result<Option<Words<'a>>, TantivyError> {
        if query.trim().is_empty() {
            return Ok(None);
        }
        let sku = Term::from_field_text(fields.sku, &text::sku_key(query));
        let (code, words) = (text::code(query), text::query_words(query));
        let mut words = Words { fields, searcher, sku, code, is_sku: false, words };
        words.is_sku = text::is_code(query) && words.has_alive(&words.sku)?;
        Ok(Some(words))
    }

    /// What products match at this breadth and at no stricter one; none where there cannot be any.
    pub fn clause(&self, breadth: Breadth) -> Result<Option<Clause>, TantivyError> {
        if self.is_sku || self.words.is_empty() {
            let sku = || -> Clause { Box::new(self.sku(SKU_SCORE)) };
            return Ok((breadth == Breadth::Whole).then(sku));
        }
        Ok(match breadth {
            Breadth::Whole => Some(self.whole()?),
            Breadth::Begun => Some(except(self.begun()?, vec![self.whole()?])),
            Breadth::Half if self.words.len() < 2 => None,
            Breadth::Half => {
                let half = self.words.len().div_ceil(2);
                let words = self.each(Self::word_or_beginning)?;
                let half = BooleanQuery::union_with_minimum_required_clauses(words, half);
                Some(except(Box::new(half), vec![self.whole()?, self.begun()?]))
            }
        })
    }

    fn whole(&self) -> Result<Clause, TantivyError> {
        let mut ways = vec![all(self.each(Self::word)?)];
        // A SKU that reads like words is no reason to leave out what has the words.
        if self.has(&self.sku)? {
            ways.push(Box::new(self.sku(SKU_SCORE)));
        }
        ways.extend(self.code(&self.code)?);
        Ok(any(ways))
    }

    fn begun(&self) -> Result<Clause, TantivyError> {
        let mut ways = vec![all(self.each(Self::word_or_beginning)?)];
        if self.code.chars().count() >= text::MIN_BEGINNING {
            ways.push(starts_with(self.fields.sku, &self.code));
        }
        Ok(any(ways))
    }

    fn each(
        &self,
        clause: fn(&Self, &QueryWord) -> Result<Vec<Clause>, TantivyError>,
    ) -> Result<Vec<Clause>, TantivyError> {
        self.words.iter().map(|word| clause(self, word).map(any)).collect()
    }

    /// The ways of writing a word that there are.
    fn word(&self, word: &QueryWord) -> Result<Vec<Clause>, TantivyError> {
        let mut ways: Vec<Clause> = Vec::with_capacity(1);
        for alternative in &word.any {
            ways.extend(self.alternative(alternative)?);
        }
        for code in &word.codes {
            ways.extend(self.code(code)?);
        }
        Ok(ways)
    }

    fn code(&self, code: &str) -> Result<Option<Clause>, TantivyError> {
        let code = Term::from_field_text(self.fields.sku, code);
        if !self.has(&code)? {
            return Ok(None);
        }
        let code = TermQuery::new(code, IndexRecordOption::Basic);
        Ok(Some(Box::new(ConstScoreQuery::new(Box::new(code), CODE_SCORE))))
    }

    fn alternative(&self, way: &Alternative) -> Result<Option<Clause>, TantivyError> {
        let mut clauses = Vec::with_capacity(way.all.len());
        for word in &way.all {
            let term = Term::from_field_text(self.fields.text, word);
            if !self.has(&term)? {
                return Ok(None);
            }
            clauses.push(self.term(term));
        }
        let clause = all(clauses);
        Ok(Some(match way.written {
            1 => clause,
            several => Box::new(BoostQuery::new(clause, 1.0 / f32::from(several))),
        }))
    }

    fn word_or_beginning(&self, word: &QueryWord) -> Result<Vec<Clause>, TantivyError> {
        let mut ways = self.word(word)?;
        let Some(beginning) = &word.beginning else { return Ok(ways) };
        for finished in &beginning.finished {
            ways.extend(self.alternative(finished)?);
        }
        ways.push(starts_with(self.fields.text, &beginning.word));
        ways.push(starts_with(self.fields.sku, &beginning.code));
        Ok(ways)
    }

    fn term(&self, term: Term) -> Clause {
        Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
    }

    fn sku(&self, score: f32) -> ConstScoreQuery {
        let sku = TermQuery::new(self.sku.clone(), IndexRecordOption::Basic);
        ConstScoreQuery::new(Box::new(sku), score)
    }

    fn has(&self, term: &Term) -> Result<bool, TantivyError> {
        Ok(self.searcher.doc_freq(term)? > 0)
    }

    /// Whether a product has it that was not removed or changed since.
    fn has_alive(&self, term: &Term) -> Result<bool, TantivyError> {
        let sku = TermQuery::new(term.clone(), IndexRecordOption::Basic);
        Ok(self.searcher.search(&sku, &tantivy::collector::Count)? > 0)
    }
}

fn all(mut clauses: Vec<Clause>) -> Clause {
    match clauses.len() {
        1 => clauses.remove(0),
        _ => Box::new(BooleanQuery::intersection(clauses)),
    }
}

fn any(mut clauses: Vec<Clause>) -> Clause {
    match clauses.len() {
        0 => Box::new(EmptyQuery),
        1 => clauses.remove(0),
        _ => Box::new(DisjunctionMaxQuery::new(clauses)),
    }
}

fn except(clause: Clause, others: Vec<Clause>) -> Clause {
    let others = others.into_iter().map(|other| (Occur::MustNot, other));
    let clauses = [(Occur::Must, clause)].into_iter().chain(others).collect::<Vec<_>>();
    Box::new(BooleanQuery::new(clauses))
}

/// What has a term that begins so.
fn starts_with(field: Field, beginning: &str) -> Clause {
    let until = [beginning, "\u{10ffff}"].concat();
    let mut range = InvertedIndexRangeQuery::new(
        Bound::Included(Term::from_field_text(field, beginning)),
        Bound::Excluded(Term::from_field_text(field, &until)),
    );
    range.limit(MAX_BEGUN);
    Box::new(range)
}
