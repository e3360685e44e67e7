//! The words of a query.

use super::codes::code_of;
use super::document::may_join;
use super::forms::{Forms, forms, joined_words, part_form};
use super::letters::normal;
use super::pieces::{Compound, Piece, pieces};
use super::scripts::neighbours;

/// Words of a query that are also looked for as one.
const MAX_JOINED: usize = 4;
/// Shorter beginnings of words begin too many.
pub const MIN_BEGINNING: usize = 3;
/// 100 is not meant to find 1000; the beginning of a long number is one of a code.
const MIN_BEGINNING_OF_NUMBER: usize = 6;

/// A word that a document may have in any of several ways.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryWord {
    /// Ways of writing it, the likeliest first.
    pub any: Vec<Alternative>,
    /// Codes that it may be.
    pub codes: Vec<String>,
    /// Where it may be the beginning of a word.
    pub beginning: Option<Beginning>,
}

/// A way of writing a word.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// Words all of which a document must have; mostly one.
    pub all: Vec<String>,
    /// How many words of the query are written so together: each has that share of the score.
    pub written: u8,
}

impl Alternative {
    fn of(all: Vec<String>) -> Alternative {
        Alternative { all, written: 1 }
    }
}

/// A word that may not be finished.
#[derive(Debug, Clone, PartialEq)]
pub struct Beginning {
    /// Words begin so.
    pub word: String,
    /// What it is if only the ending of its plural is missing: words are kept in the singular, so they may be shorter.
    pub finished: Vec<Alternative>,
    /// Codes begin so.
    pub code: String,
}

/// The distinct words of a query.
pub fn query_words(query: &str) -> Vec<QueryWord> {
    let query = normal(query);
    let mut words: Vec<QueryWord> = Vec::new();
    // For each word what it adds to its neighbours; none where it adds nothing.
    let mut written: Vec<Option<Written>> = Vec::new();
    for piece in pieces(&query) {
        match piece {
            Piece::Run { text, .. } => {
                for word in neighbours(text) {
                    let any = vec![Alternative::of(vec![word.to_owned()])];
                    words.push(QueryWord { any, codes: Vec::new(), beginning: None });
                    written.push(None);
                }
            }
            Piece::Compound(compound) => {
                let forms = forms(&compound);
                let joins = forms.joins;
                let text = forms.begun.clone();
                words.push(word(&compound, forms));
                written.push(joins.then_some(Written { text, follows: compound.follows }));
            }
        }
    }
    join(&mut words, &written);
    let mut distinct: Vec<QueryWord> = Vec::new();
    for word in words {
        if !distinct.iter().any(|known| known.any[0] == word.any[0]) {
            distinct.push(word);
        }
    }
    distinct
}

struct Written {
    text: String,
    follows: bool,
}

fn word(compound: &Compound, forms: Forms) -> QueryWord {
    let Forms { whole, begun, code, splits, .. } = forms;
    let mut any: Vec<Alternative> =
        whole.into_iter().map(|word| Alternative::of(vec![word])).collect();
    if splits {
        let parts = compound.parts.iter().map(|part| part_form(part));
        any.push(Alternative::of(parts.collect()));
    }
    let is_number = begun.chars().all(|own| own.is_ascii_digit() || own == '.');
    let least = if is_number { MIN_BEGINNING_OF_NUMBER } else { MIN_BEGINNING };
    let beginning = (begun.chars().count() >= least).then(|| Beginning {
        finished: ["s", "es"].map(|end| Alternative::of(vec![joined_words(&[&begun, end])])).into(),
        word: begun,
        code: code.clone(),
    });
    let codes = if code.is_empty() { Vec::new() } else { vec![code] };
    QueryWord { any, codes, beginning }
}

/// Adds to neighbours what they are as one word: two of them always, more where letters meet digits.
fn join(words: &mut [QueryWord], written: &[Option<Written>]) {
    for from in 0..written.len() {
        let Some(first) = &written[from] else { continue };
        let mut texts = vec![first.text.as_str()];
        for until in from + 1..written.len().min(from + MAX_JOINED) {
            let Some(next) = written[until].as_ref().filter(|next| next.follows) else { break };
            let last = texts[texts.len() - 1];
            let is_close = may_join(last, &next.text);
            let ends_in_digit = last.ends_with(|own: char| own.is_ascii_digit());
            let is_pair = texts.len() == 1;
            if !is_close && (!is_pair || ends_in_digit) {
                break;
            }
            texts.push(&next.text);
            let (word, code) = (joined_words(&texts), code_of(&texts.concat()));
            let written = u8::try_from(texts.len()).unwrap_or(u8::MAX);
            for own in &mut words[from..=until] {
                own.any.push(Alternative { all: vec![word.clone()], written });
                own.codes.push(code.clone());
            }
            if !is_close {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ways of writing each word; words that must be there together have a `+` between them.
    fn ways(query: &str) -> Vec<String> {
        let shown = |word: &QueryWord| {
            word.any.iter().map(|way| way.all.join("+")).collect::<Vec<_>>().join(" ")
        };
        query_words(query).iter().map(shown).collect()
    }

    #[test]
    fn a_word_is_looked_for_in_all_ways_of_writing_it() {
        assert_eq!(ways("WH-1000XM4"), ["wh1000xm4 wh+1000xm4"]);
        assert_eq!(ways("T-Shirts"), ["tshirt t+shirt"]);
        assert_eq!(ways("AT&T C++ L'Oréal"), ["att", "c++", "loreal"]);
        assert_eq!(ways("Müller"), ["muller mueller"]);
        assert_eq!(ways("15,6\""), ["15.6"]);
        assert_eq!(ways("?! --"), [""; 0]);
    }

    #[test]
    fn neighbours_are_also_looked_for_as_one_word() {
        assert_eq!(
            ways("wh 1000 xm4"),
            ["wh wh1000 wh1000xm4", "1000 wh1000 wh1000xm4 1000xm4", "xm4 wh1000xm4 1000xm4"]
        );
        assert_eq!(ways("head phones"), ["head headphone", "phone headphone"]);
        assert_eq!(ways("red, cotton"), ["red", "cotton"]);
        assert_eq!(ways("red cotton shirt")[0], "red redcotton");
        assert_eq!(ways("10 20"), ["10", "20"]);
    }

    #[test]
    fn a_run_is_looked_for_by_its_neighbours() {
        assert_eq!(ways("無線耳機"), ["無線", "線耳", "耳機"]);
        assert_eq!(ways("usb充電器"), ["usb", "充電", "電器"]);
    }

    #[test]
    fn a_repeated_word_counts_once() {
        assert_eq!(ways("hub hubs HUB").len(), 1);
    }

    #[test]
    fn a_word_may_be_a_beginning() {
        let begun = |query: &str| query_words(query).remove(0).beginning;
        let headph = begun("headph").unwrap();
        assert_eq!((headph.word.as_str(), headph.code.as_str()), ("headph", "headph"));
        assert!(begun("batteri").unwrap().finished.iter().any(|way| way.all == ["battery"]));
        assert_eq!(begun("ION-HDP-10").unwrap().code, "ionhdp10");
        assert_eq!((begun("hd"), begun("100")), (None, None));
    }
}
