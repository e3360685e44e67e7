//! The words of a document.

use super::forms::{forms, joined_words};
use super::letters::normal;
use super::markup::readable;
use super::pieces::{Compound, Piece, pieces};
use super::scripts::{neighbours, syllables};
use super::zones::{BODY, CONTEXT, Zones};
use crate::engine::document::Document;
use std::collections::BTreeMap;

/// Words that are also found as one: `wh 1000 xm4`.
const MAX_JOINED: usize = 4;

/// A word with its strength: as often as it counts.
pub type DocumentWord = (String, u32);

/// The words of a document, each once, with the sum of their strengths. SKUs are not among them.
pub fn words_of(document: &Document) -> Vec<DocumentWord> {
    let mut words = Words::default();
    let title = visible(&document.title);
    words.add(&title, &Zones::of_title(&title));
    let description = visible(&document.description);
    words.add(&description, &Zones::of_description(&description));
    words.add_all(&visible(&document.brand), |_| BODY);
    let mut attributes = Words::default();
    for text in &document.attribute_texts {
        attributes.add_all(&visible(text), |_| CONTEXT);
    }
    // A word of attributes counts once, however many of them have it.
    for word in attributes.0.into_keys() {
        words.count(word, CONTEXT);
    }
    words.0.into_iter().collect()
}

/// What a reader sees, in its normal form. Feeds write line breaks as `\n`.
fn visible(text: &str) -> String {
    normal(&readable(text).replace("\\n", " "))
}

#[derive(Default)]
struct Words(BTreeMap<String, u32>);

impl Words {
    fn add(&mut self, text: &str, zones: &Zones) {
        self.add_all(text, |at| zones.strength(at));
    }

    fn add_all(&mut self, text: &str, strength: impl Fn(usize) -> u32) {
        // Words before, each with its form without signs, that the next may continue.
        let mut before: Vec<String> = Vec::new();
        for piece in pieces(text) {
            match piece {
                Piece::Run { at, text } => {
                    before.clear();
                    let strength = strength(at);
                    let single = syllables(text).filter(|syllable| *syllable != text);
                    for word in neighbours(text).into_iter().chain(single) {
                        self.count(word.to_owned(), strength);
                    }
                }
                Piece::Compound(compound) => {
                    let strength = strength(compound.at);
                    let forms = forms(&compound);
                    for word in forms.whole.into_iter().chain(forms.parts) {
                        self.count(word, strength);
                    }
                    self.join(&compound, forms.begun, forms.joins, &mut before);
                }
            }
        }
    }

    /// Counts it together with the words before where a blank may as well be left out: `16 gb`, `t shirt`.
    fn join(&mut self, compound: &Compound, word: String, joins: bool, before: &mut Vec<String>) {
        let continues = compound.follows && joins;
        if !continues || !before.last().is_some_and(|last| may_join(last, &word)) {
            before.clear();
        }
        if !joins {
            return;
        }
        before.push(word);
        if before.len() > MAX_JOINED {
            before.remove(0);
        }
        let words: Vec<&str> = before.iter().map(String::as_str).collect();
        for from in 0..words.len().saturating_sub(1) {
            self.count(joined_words(&words[from..]), CONTEXT);
        }
    }

    fn count(&mut self, word: String, strength: u32) {
        *self.0.entry(word).or_default() += strength;
    }
}

/// Whether two words are as often written as one: where letters meet digits, and where one is a single letter.
pub fn may_join(left: &str, right: &str) -> bool {
    let is_digit = |own: Option<char>| own.is_some_and(|own| own.is_ascii_digit());
    let is_letter = |word: &str| word.len() == 1 && !is_digit(word.chars().next());
    is_digit(left.chars().next_back()) != is_digit(right.chars().next())
        || is_letter(left)
        || is_letter(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(title: &str) -> Vec<String> {
        let mut words = Words::default();
        words.add_all(&visible(title), |_| 1);
        words.0.into_keys().collect()
    }

    #[test]
    fn where_letters_meet_digits_a_blank_may_be_left_out() {
        assert_eq!(words("WH 1000 XM4"), ["1000", "1000xm4", "wh", "wh1000", "wh1000xm4", "xm4"]);
        assert_eq!(words("16 GB, 2 TB"), ["16", "16gb", "2", "2tb", "gb", "tb"]);
        assert_eq!(words("T Shirts"), ["shirt", "t", "tshirt"]);
        assert_eq!(words("10 20"), ["10", "20"]);
    }

    #[test]
    fn runs_are_found_by_neighbours_and_syllables() {
        assert_eq!(words("綠茶杯"), ["杯", "綠", "綠茶", "茶", "茶杯"]);
    }
}
