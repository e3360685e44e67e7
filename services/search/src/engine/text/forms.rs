//! The forms of a word that are kept and looked for: without accents, in the singular, with the signs inside it left out.

use super::codes::code_of;
use super::letters::{cut, plain, spelled_out};
use super::pieces::Compound;
use super::plural;

/// How a compound is found.
#[derive(Debug, PartialEq)]
pub struct Forms {
    /// Of the whole: as one word without signs, first; then other ways of writing that.
    pub whole: Vec<String>,
    /// The parts that are words of their own.
    pub parts: Vec<String>,
    /// The whole as it is written up to here by somebody who has not finished: not in the singular.
    pub begun: String,
    /// The whole with letters and digits only, as codes are compared.
    pub code: String,
    /// Whether other words before or after may belong to it.
    pub joins: bool,
    /// Whether its parts, each for itself, are as good as the whole.
    pub splits: bool,
}

/// The forms of a compound.
pub fn forms(compound: &Compound) -> Forms {
    let Compound { parts, signs, tail, .. } = compound;
    let written = joined(parts, signs);
    let begun = cut(plain(&written) + tail);
    let mut whole = vec![begun.clone()];
    if tail.is_empty() {
        whole = vec![singular(&plain(&written))];
        whole.extend(spelled_out(&written).map(|word| singular(&word)));
        whole.extend(without_thousands(&written));
    } else if written.chars().nth(1).is_some() {
        whole.push(singular(&plain(&written)));
    }
    let held_by_and = |nth: usize| {
        signs.get(nth) == Some(&'&') || nth.checked_sub(1).is_some_and(|nth| signs[nth] == '&')
    };
    // A letter of `c++`, `l'oreal` or `t-shirt` is no word, nor is `at` in `at&t`.
    let is_word =
        |(nth, part): &(usize, &&str)| part.chars().count() > if held_by_and(*nth) { 2 } else { 1 };
    let own = match parts.len() {
        1 => Vec::new(),
        _ => parts.iter().enumerate().filter(is_word).map(|(_, part)| part_form(part)).collect(),
    };
    Forms {
        parts: own,
        code: code_of(&written),
        joins: tail.is_empty() && !written.contains(['.', '-', '/', ':']),
        splits: parts.len() > 1 && !signs.iter().any(|sign| matches!(sign, '&' | '\'')),
        begun,
        whole,
    }
}

/// The form of a word that stands for itself.
pub fn part_form(part: &str) -> String {
    singular(&plain(&part.replace(',', ".")))
}

/// Words, one after the other, as one.
pub fn joined_words(words: &[&str]) -> String {
    singular(&words.concat())
}

/// The parts without the signs between them. Between two numbers the sign stays, unless they are part of a code: 16:9 is not 169.
fn joined(parts: &[&str], signs: &[char]) -> String {
    let is_number = |part: &&str| part.chars().all(|own| own.is_ascii_digit());
    let digits: usize = parts.iter().map(|part| part.len()).sum();
    let is_code = !parts.iter().all(is_number) || digits >= 8;
    let mut joined = String::new();
    for (nth, part) in parts.iter().enumerate() {
        if let Some(sign) = nth.checked_sub(1).map(|nth| signs[nth]).filter(|_| !is_code) {
            joined.push(sign);
        }
        joined.push_str(&part.replace(',', "."));
    }
    joined
}

/// `1.000` and `1,000` may be a thousand.
fn without_thousands(number: &str) -> Option<String> {
    let mut groups = number.split('.');
    let first = groups.next()?;
    let digits = |group: &str| group.bytes().all(|own| own.is_ascii_digit());
    let is_first = (1..=3).contains(&first.len()) && digits(first) && !first.starts_with('0');
    let rest: Vec<&str> = groups.collect();
    let is_rest = !rest.is_empty() && rest.iter().all(|group| group.len() == 3 && digits(group));
    (is_first && is_rest).then(|| number.replace('.', ""))
}

fn singular(word: &str) -> String {
    let mut word = cut(word.to_owned());
    if !word.bytes().any(|own| own.is_ascii_digit()) {
        plural::cut(&mut word);
    }
    word
}

#[cfg(test)]
mod tests {
    use super::super::letters::{MAX_BYTES, normal};
    use super::super::pieces::{Piece, pieces};
    use super::*;

    fn of(text: &str) -> Forms {
        let text = normal(text);
        let piece = pieces(&text).remove(0);
        let Piece::Compound(compound) = piece else { panic!("{piece:?}") };
        forms(&compound)
    }

    #[test]
    fn signs_inside_a_word_do_not_decide() {
        for (one, other) in [
            ("WH-1000XM4", "wh1000xm4"),
            ("T-Shirts", "tshirt"),
            ("Wi\u{2011}Fi", "WIFI"),
            ("L\u{2019}Oréal", "loreal"),
            ("AT&T", "att"),
            ("dv7-1211ea", "DV71211EA"),
            ("978-3-16-148410-0", "9783161484100"),
            ("15,6", "15.6"),
            ("Node.js", "nodejs"),
        ] {
            assert_eq!(of(one).whole[0], of(other).whole[0], "{one} and {other}");
        }
        for (one, other) in
            [("15.6", "6.15"), ("15.6", "156"), ("16:9", "169"), ("3/4", "34"), ("C++", "C#")]
        {
            assert_ne!(of(one).whole[0], of(other).whole[0], "{one} and {other}");
        }
    }

    #[test]
    fn a_stray_letter_is_no_word() {
        assert_eq!(of("C++").whole, ["c++"]);
        assert_eq!(of("S20+").whole, ["s20+", "s20"]);
        assert_eq!(of("AT&T").parts, [""; 0]);
        assert_eq!(of("L'Oréal").parts, ["oreal"]);
        assert_eq!(of("T-shirts").parts, ["shirt"]);
        assert_eq!(of("Black&White").parts, ["black", "white"]);
        assert_eq!(of("15.6").parts, [""; 0]);
    }

    #[test]
    fn a_word_may_be_written_in_several_ways() {
        assert_eq!(of("Müller").whole, ["muller", "mueller"]);
        assert_eq!(of("1,000").whole, ["1.000", "1000"]);
        assert_eq!(of("0.500").whole, ["0.500"]);
        assert_eq!(of("Headphones").begun, "headphones");
    }

    #[test]
    fn a_long_word_is_cut_and_not_dropped() {
        assert_eq!(of(&"x".repeat(999)).whole[0].len(), MAX_BYTES);
    }
}
