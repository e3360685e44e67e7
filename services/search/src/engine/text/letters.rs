//! One form of each letter, before words are cut and after.

use super::scripts::{self, Script};
use kernel::name::is_unseen;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The text in lower case and in one Unicode form (NFKC), without what cannot be seen, with ASCII digits and one kind of apostrophe and of
/// hyphen. Accents stay: some of them decide how a word is also spelled.
pub fn normal(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut spaced = String::with_capacity(text.len());
    for own in text.chars() {
        match own {
            // In their compatibility forms they would stick to the word before.
            '®' | '©' | '™' | '℠' | '℗' => spaced.push(' '),
            '¼'..='¾' | '\u{2150}'..='\u{215e}' => spaced.extend([' ', own]),
            own if own.is_whitespace() => spaced.push(' '),
            own if is_unseen(own) => {}
            // Some have a compatibility form that holds a blank.
            own => spaced.push(sign(own)),
        }
    }
    let lower: String = spaced.nfkc().collect::<String>().to_lowercase();
    lower.nfkc().filter(|own| !is_unseen(*own)).flat_map(one_form).collect()
}

/// Most letters that differ from an ASCII sign or another letter in nothing that a language tells apart.
fn one_form(own: char) -> impl Iterator<Item = char> {
    let own = match sign(own) {
        'ς' => 'σ',
        'ı' => 'i',
        // Arabic: forms of alef, yeh, heh and kaf (Persian ones too); the tatweel only stretches a word.
        'ٱ' | 'أ' | 'إ' | 'آ' => 'ا',
        'ى' | 'ی' | 'ې' => 'ي',
        'ة' | 'ۀ' | 'ە' | 'ہ' => 'ه',
        'ک' => 'ك',
        'ـ' => return None.into_iter().chain(None),
        'ß' => return Some('s').into_iter().chain(Some('s')),
        own => digit(own).unwrap_or(own),
    };
    Some(own).into_iter().chain(None)
}

/// One sign of those that are typed for each other.
fn sign(own: char) -> char {
    match own {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2e3a}' | '\u{2e3b}' => '-',
        '\u{2044}' | '\u{2215}' => '/',
        '\u{b7}' | '\u{2027}' => '.',
        '`' | '´' | 'ʻ' | 'ʼ' | 'ʽ' | 'ˈ' | '‘' | '’' | '‛' | '′' | 'ʹ' | '՚' | 'ꞌ' => {
            '\''
        }
        own => own,
    }
}

/// Zeros of the digits that people write numbers with, each followed by the other nine.
const ZEROS: [u32; 14] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xe50, 0xed0,
    0x17e0,
];

fn digit(own: char) -> Option<char> {
    let code = u32::from(own);
    let zero = ZEROS.into_iter().find(|zero| (*zero..*zero + 10).contains(&code))?;
    char::from_digit(code - zero, 10)
}

/// The word without accents where they do not make another letter: é is e and ё is е, but й is not и.
pub fn plain(word: &str) -> String {
    if word.is_ascii() {
        return word.to_owned();
    }
    let mut base = ' ';
    let letters = word.nfd().filter(|own| {
        if !is_combining_mark(*own) {
            base = *own;
            return true;
        }
        match scripts::of(base) {
            Script::Accented => false,
            Script::Cyrillic => !(base == 'е' && *own == '\u{308}'),
            _ => true,
        }
    });
    letters.nfc().flat_map(|own| spelled(own, PLAIN)).collect()
}

/// Longer words and codes are cut, in documents and in queries alike.
pub const MAX_BYTES: usize = 255;

/// The word, no longer than it may be.
pub fn cut(mut word: String) -> String {
    word.truncate(word.floor_char_boundary(MAX_BYTES));
    word
}

/// How German, Danish, Norwegian and Swedish spell the word where they have no umlauts; none for a word without.
pub fn spelled_out(word: &str) -> Option<String> {
    if !word.contains(['ä', 'ö', 'ü', 'å', 'ø']) {
        return None;
    }
    let spelled: String = word.chars().flat_map(|own| spelled(own, SPELLED_OUT)).collect();
    Some(plain(&spelled))
}

/// Letters that are not a letter with an accent.
const PLAIN: &[(char, &str)] = &[
    ('æ', "ae"),
    ('œ', "oe"),
    ('ø', "o"),
    ('đ', "d"),
    ('ð', "d"),
    ('ł', "l"),
    ('ħ', "h"),
    ('þ', "th"),
    ('ŧ', "t"),
];

const SPELLED_OUT: &[(char, &str)] =
    &[('ä', "ae"), ('ö', "oe"), ('ü', "ue"), ('å', "aa"), ('ø', "oe")];

fn spelled(own: char, table: &'static [(char, &str)]) -> impl Iterator<Item = char> {
    let found = table.iter().find(|(letter, _)| *letter == own).map(|(_, spelled)| *spelled);
    let kept = found.is_none().then_some(own);
    found.unwrap_or_default().chars().chain(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> String {
        plain(&normal(text))
    }

    #[test]
    fn letters_that_a_language_holds_for_one_are_one() {
        for (one, other) in [
            ("Écran", "ecran"),
            ("e\u{301}cran", "écran"),
            ("ЁЛКА", "елка"),
            ("أحمد", "احمد"),
            ("إلى", "الي"),
            ("كتـــاب", "كتاب"),
            ("مُحَمَّد", "محمد"),
            ("کتاب", "كتاب"),
            ("ΚΑΦΈΣ", "καφεσ"),
            ("STRASSE", "Straße"),
            ("ＵＳＢ", "usb"),
            ("ｶﾒﾗ", "カメラ"),
            ("İSTANBUL", "istanbul"),
            ("ısıtıcı", "ISITICI"),
            ("Łódź", "lodz"),
            ("ﬁlter", "filter"),
            ("soft\u{ad}ware", "software"),
            ("web\u{200b}cam", "webcam"),
            ("\u{feff}می\u{200c}خواهم", "میخواهم"),
            ("١٥", "15"),
            ("m²", "m2"),
            ("WH\u{2011}1000", "wh-1000"),
            ("L\u{2019}Or", "l'or"),
        ] {
            assert_eq!(word(one), word(other), "{one} and {other}");
        }
    }

    #[test]
    fn letters_that_a_language_tells_apart_stay_apart() {
        for (one, other) in [("май", "маи"), ("がく", "かく"), ("ї", "і"), ("ไม้", "ไม")]
        {
            assert_ne!(word(one), word(other), "{one} and {other}");
        }
    }

    #[test]
    fn umlauts_are_also_spelled_out() {
        let also = |text: &str| spelled_out(&normal(text)).unwrap_or_default();
        assert_eq!(also("Müller"), "mueller");
        assert_eq!(also("Kühlschränke"), "kuehlschraenke");
        assert_eq!(also("Smørrebrød"), "smoerrebroed");
        assert_eq!(also("Ångström"), "aangstroem");
        assert_eq!(also("Écran"), "");
        assert_eq!(word("Ærø"), "aero");
    }

    #[test]
    fn signs_of_trade_and_fractions_do_not_stick_to_a_word() {
        assert_eq!(normal("Sony™ Core™2 1½"), "sony  core 2 1 1/2");
    }
}
