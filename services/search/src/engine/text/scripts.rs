//! What the analysis has to know of a character's script.

use std::ops::RangeInclusive;
use unicode_normalization::char::is_combining_mark;

/// How words of a script are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Accents are not letters of their own: Latin, Greek, Hebrew, Arabic.
    Accented,
    /// Some accents make letters of their own.
    Cyrillic,
    /// Without blanks between words: Han, Kana, Hangul (whose blanks stand between phrases), Thai, Lao, Khmer, Burmese.
    Unspaced,
    /// Anything else.
    Other,
}

/// Unspaced scripts whose single character can be a word.
const SYLLABLES: [RangeInclusive<u32>; 6] = [
    0x3005..=0x3007,
    0x3400..=0x4dbf,
    0x4e00..=0x9fff,
    0xac00..=0xd7a3,
    0xf900..=0xfaff,
    0x20000..=0x3ffff,
];
const UNSPACED: [RangeInclusive<u32>; 6] = [
    0x0e00..=0x0eff,
    0x1000..=0x109f,
    0x1100..=0x11ff,
    0x1780..=0x17ff,
    0x3040..=0x30ff,
    0x31f0..=0x31ff,
];
const ACCENTED: [RangeInclusive<u32>; 8] = [
    0x41..=0x5a,
    0x61..=0x7a,
    0xc0..=0x24f,
    0x370..=0x3ff,
    0x590..=0x6ff,
    0x750..=0x77f,
    0x1e00..=0x1fff,
    0x250..=0x2af,
];
const CYRILLIC: RangeInclusive<u32> = 0x400..=0x52f;

/// The script of a letter.
pub fn of(letter: char) -> Script {
    let code = u32::from(letter);
    if ACCENTED.iter().any(|range| range.contains(&code)) {
        Script::Accented
    } else if CYRILLIC.contains(&code) {
        Script::Cyrillic
    } else if SYLLABLES.iter().chain(&UNSPACED).any(|range| range.contains(&code)) {
        Script::Unspaced
    } else {
        Script::Other
    }
}

/// Whether it belongs to a run of words without blanks between them.
pub fn is_unspaced(own: char) -> bool {
    !own.is_ascii() && of(own) == Script::Unspaced && is_part_of_a_word(own)
}

/// Whether it belongs to a word of a script with blanks.
pub fn is_spaced(own: char) -> bool {
    own.is_ascii_alphanumeric() || (!own.is_ascii() && is_part_of_a_word(own) && !is_unspaced(own))
}

fn is_part_of_a_word(own: char) -> bool {
    own.is_alphanumeric() || is_combining_mark(own)
}

/// The pieces by which a run of words without blanks is found: every two neighbours, and every character that can be a word. A character is
/// one with the marks after it. A run of one is itself.
pub fn neighbours(run: &str) -> Vec<&str> {
    let starts: Vec<usize> = run
        .char_indices()
        .filter(|(at, own)| *at == 0 || !is_combining_mark(*own))
        .map(|(at, _)| at)
        .collect();
    if starts.len() < 2 {
        return vec![run];
    }
    let end = |nth: usize| starts.get(nth).copied().unwrap_or(run.len());
    starts
        .iter()
        .enumerate()
        .take(starts.len() - 1)
        .map(|(nth, at)| &run[*at..end(nth + 2)])
        .collect()
}

/// The characters of a run that can be words.
pub fn syllables(run: &str) -> impl Iterator<Item = &str> {
    run.char_indices().filter_map(|(at, own)| {
        let is_word = SYLLABLES.iter().any(|range| range.contains(&u32::from(own)));
        is_word.then(|| &run[at..at + own.len_utf8()])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_found_by_every_two_neighbours() {
        assert_eq!(neighbours("無線耳機"), ["無線", "線耳", "耳機"]);
        assert_eq!(neighbours("茶"), ["茶"]);
        assert_eq!(neighbours("น้ำ"), ["น้ำ"]);
        assert_eq!(syllables("お茶").collect::<Vec<_>>(), ["茶"]);
    }

    #[test]
    fn scripts_are_told_apart() {
        assert!(is_unspaced('か') && is_unspaced('ー') && is_unspaced('한') && is_unspaced('ก'));
        assert!(is_spaced('a') && is_spaced('7') && is_spaced('я') && is_spaced('ह'));
        assert!(!is_unspaced('・') && !is_unspaced('฿') && !is_spaced('-') && !is_spaced('、'));
    }
}
