//! Cuts a text into what is written without blanks: words with the signs inside them, and runs of scripts that have no blanks.

use super::scripts::{is_spaced, is_unspaced};

/// What stands between blanks and other separators. The text is in its normal form.
#[derive(Debug, PartialEq)]
pub enum Piece<'a> {
    /// A word, or several that signs hold together.
    Compound(Compound<'a>),
    /// Words of a script without blanks.
    Run {
        /// Where it begins.
        at: usize,
        /// The words.
        text: &'a str,
    },
}

/// `wh-1000xm4`: the parts `wh` and `1000xm4`, held together by `-`.
#[derive(Debug, PartialEq)]
pub struct Compound<'a> {
    /// Where it begins.
    pub at: usize,
    /// Its parts; a decimal number is one. There is at least one.
    pub parts: Vec<&'a str>,
    /// The signs between them, one less.
    pub signs: Vec<char>,
    /// The sign behind it that belongs to it: `c++`, `c#`, `s20+`.
    pub tail: &'a str,
    /// Whether nothing but blanks is between it and the compound before.
    pub follows: bool,
}

/// Signs that hold two parts together.
const JOINING: &str = "'-_./&+:";

/// The pieces of a text in their order.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut at = 0;
    // Where the compound before ends, if only blanks came since.
    let mut before = None;
    while let Some(own) = text[at..].chars().next() {
        if is_unspaced(own) {
            let end = end_of(text, at, is_unspaced);
            pieces.push(Piece::Run { at, text: &text[at..end] });
            (at, before) = (end, None);
        } else if is_spaced(own) {
            let (compound, end) = compound(text, at, before.is_some());
            pieces.push(Piece::Compound(compound));
            (at, before) = (end, Some(end));
        } else {
            before = before.filter(|_| own.is_whitespace());
            at += own.len_utf8();
        }
    }
    pieces
}

fn compound(text: &str, at: usize, follows: bool) -> (Compound<'_>, usize) {
    let mut compound = Compound { at, parts: Vec::new(), signs: Vec::new(), tail: "", follows };
    let mut start = at;
    loop {
        let end = end_of_part(text, start);
        compound.parts.push(&text[start..end]);
        let rest = &text[end..];
        let tail = rest.find(|own| own != '+' && own != '#').unwrap_or(rest.len());
        let ends = !rest[tail..].starts_with(is_spaced);
        if tail > 1 || (tail == 1 && ends) {
            compound.tail = &rest[..tail];
            return (compound, end + tail);
        }
        let mut next = rest.chars();
        match (next.next(), next.next()) {
            (Some(sign), Some(own)) if JOINING.contains(sign) && is_spaced(own) => {
                compound.signs.push(sign);
                start = end + sign.len_utf8();
            }
            _ => return (compound, end),
        }
    }
}

/// The end of letters and digits; a point or comma between two digits belongs to them.
fn end_of_part(text: &str, start: usize) -> usize {
    let mut end = end_of(text, start, is_spaced);
    loop {
        let rest = &text[end..];
        let is_decimal = rest.starts_with(['.', ','])
            && text[..end].ends_with(|own: char| own.is_ascii_digit())
            && rest[1..].starts_with(|own: char| own.is_ascii_digit());
        if !is_decimal {
            return end;
        }
        end = end_of(text, end + 1, is_spaced);
    }
}

fn end_of(text: &str, start: usize, belongs: fn(char) -> bool) -> usize {
    text[start..].find(|own| !belongs(own)).map_or(text.len(), |length| start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<String> {
        let shown = |piece: Piece| match piece {
            Piece::Run { text, .. } => format!("[{text}]"),
            Piece::Compound(Compound { parts, signs, tail, follows, .. }) => {
                let mut shown = String::from(if follows { "~" } else { "" });
                for (nth, part) in parts.iter().enumerate() {
                    shown.push_str(part);
                    shown.extend(signs.get(nth).map(|sign| format!("({sign})")));
                }
                shown + tail
            }
        };
        pieces(text).into_iter().map(shown).collect()
    }

    #[test]
    fn signs_hold_parts_together_and_other_signs_separate() {
        assert_eq!(cut("wh-1000xm4, l'or usb:"), ["wh(-)1000xm4", "l(')or", "~usb"]);
        assert_eq!(cut("at&t r & d"), ["at(&)t", "~r", "d"]);
        assert_eq!(cut("15.6\" 15,6 6.15, 1.2.3"), ["15.6", "15,6", "~6.15", "1.2.3"]);
        assert_eq!(
            cut("c++ c# s20+ a+b c++11 #5"),
            ["c++", "~c#", "~s20+", "~a(+)b", "~c++", "~11", "5"]
        );
        assert_eq!(cut("-- 'quoted' e-mail- (x)"), ["quoted", "e(-)mail", "x"]);
    }

    #[test]
    fn scripts_without_blanks_are_runs() {
        assert_eq!(cut("iphone手機殼 12"), ["iphone", "[手機殼]", "12"]);
        assert_eq!(cut("ワイヤレス・イヤホン"), ["[ワイヤレス]", "[イヤホン]"]);
        assert_eq!(cut("हिन्दी"), ["हिन्दी"]);
    }
}
