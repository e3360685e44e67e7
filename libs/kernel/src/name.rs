//! Names, keys and options as people type them: what looks the same is the same.

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidName {
    /// Nothing of it can be seen.
    #[error("must hold a character that can be seen")]
    Empty,
    /// It holds a character that cannot be seen, other than blanks.
    #[error("must not hold the invisible character U+{:04X}", u32::from(*.0))]
    Invisible(char),
}

/// The name without blanks around it. Joiners between letters are let through, since some scripts are written with them.
pub fn clean(text: &str) -> Result<&str, InvalidName> {
    let text = text.trim();
    if let Some(found) = text.chars().find(|own| is_invisible(*own)) {
        return Err(InvalidName::Invisible(found));
    }
    if fold(text).is_empty() { Err(InvalidName::Empty) } else { Ok(text) }
}

/// What makes names the same: the compatibility form (NFKC) without case, with one blank between words, one kind of apostrophe, and
/// without what cannot be seen.
pub fn fold(text: &str) -> String {
    // By way of upper case: it is where ß becomes SS, and all forms of a letter one.
    let plain: String = text
        .chars()
        .map(|own| if is_apostrophe(own) { '\'' } else { own })
        .nfkc()
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .collect();
    let plain: String = plain
        .to_lowercase()
        .nfkc()
        .filter(|own| own.is_whitespace() || !is_unseen(*own))
        // Some letters contain one.
        .map(|own| if is_apostrophe(own) { '\'' } else { own })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A tag of a language (BCP 47) in its usual case: `sr-Latn-RS`.
pub fn language(tag: &str) -> String {
    let parts = tag.trim().split('-').enumerate().map(|(at, part)| {
        let lower = part.to_ascii_lowercase();
        match (at, part.len()) {
            (1.., 2) => lower.to_ascii_uppercase(),
            (1.., 4) => match lower.split_at_checked(1) {
                Some((first, rest)) => format!("{}{rest}", first.to_ascii_uppercase()),
                None => lower,
            },
            _ => lower,
        }
    });
    parts.collect::<Vec<_>>().join("-")
}

/// Whether a text has the form of such a tag.
pub fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let is_first =
        |part: &str| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic());
    let is_next = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    parts.next().is_some_and(is_first) && parts.all(is_next)
}

/// Whether nothing of a character is seen: invisible ones, joiners, and selectors of a variant.
pub fn is_unseen(own: char) -> bool {
    is_invisible(own) || is_joiner(own)
}

fn is_invisible(own: char) -> bool {
    own.is_control()
        || matches!(own,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Joiners, and selectors of a variant of the character before.
fn is_joiner(own: char) -> bool {
    matches!(own, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

fn is_apostrophe(own: char) -> bool {
    matches!(
        own,
        '`' | '´' | '\u{2b9}' | 'ʻ' | 'ʼ' | 'ʽ' | 'ˈ' | '‘' | '’' | '‛' | '′' | '\u{55a}' | 'ꞌ'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_the_same_is_the_same() {
        for (one, other) in [
            ("Nike", " nIKE "),
            ("é", "e\u{301}"),
            ("ÉCOLE", "école"),
            ("Straße", "STRASSE"),
            ("ΣΟΦΟΣ", "σοφος"),
            ("Levi's", "Levi\u{2019}s"),
            ("Levi's", "Levi\u{b4}s"),
            ("A\u{a0}\u{a0}B", "a b"),
            ("ﬁne", "FINE"),
            ("ＡＢＣ", "abc"),
            ("zero\u{200b}width", "zerowidth"),
            ("می\u{200c}خواهم", "میخواهم"),
        ] {
            assert_eq!(fold(one), fold(other), "{one:?} and {other:?}");
        }
        for (one, other) in [("a b", "ab"), ("a", "ä"), ("o", "0"), ("red", "rot"), ("x²y", "xy")]
        {
            assert_ne!(fold(one), fold(other), "{one:?} and {other:?}");
        }
        for text in ["Straße", "İstanbul", "ǆ", "ŉ", "ﬃ", "\u{1e9e}", "ΐ"] {
            assert_eq!(fold(&fold(text)), fold(text), "{text:?}: folding twice changes nothing");
        }
    }

    #[test]
    fn a_name_is_trimmed_and_has_something_to_be_seen() {
        assert_eq!(clean(" \u{3000}Nike \t"), Ok("Nike"));
        assert_eq!(clean("می\u{200c}خواهم"), Ok("می\u{200c}خواهم"));
        for empty in ["", "   ", "\u{a0}", "\u{200d}"] {
            assert_eq!(clean(empty), Err(InvalidName::Empty), "{empty:?}");
        }
        for (text, found) in [("a\u{7}b", '\u{7}'), ("a\nb", '\n'), ("Ni\u{200b}ke", '\u{200b}')] {
            assert_eq!(clean(text), Err(InvalidName::Invisible(found)));
        }
        let message = clean("x\u{202e}y").unwrap_err().to_string();
        assert!(message.ends_with("U+202E"), "{message}");
    }

    #[test]
    fn a_language_has_the_form_of_a_tag() {
        for tag in ["de", "sr-Latn-RS", "de-CH-1996", "x-klingon"] {
            assert_eq!(is_language(tag), tag != "x-klingon", "{tag}");
        }
        for tag in ["", "d", "not a tag!", "de_DE", "de-", "de--CH", "deutschland"] {
            assert!(!is_language(tag), "{tag}");
        }
    }

    #[test]
    fn a_language_has_one_spelling() {
        for (sent, expected) in
            [("DE", "de"), ("sr-latn-rs", "sr-Latn-RS"), ("EN-us", "en-US"), ("de-1996", "de-1996")]
        {
            assert_eq!(language(sent), expected);
        }
    }
}
