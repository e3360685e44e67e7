//! How much a word of a title or description says about what the product is: of "Targus TBC005EU notebook case | 43.2 cm (17") Briefcase
//! Black" the words before the bar say it; what comes after "for" says what it fits.

/// Strength of the words that name the product.
pub const HEAD: u32 = 6;
/// Strength of the words that describe it.
pub const BODY: u32 = 3;
/// Strength of what it goes with, and of the words of attributes.
pub const CONTEXT: u32 = 1;

/// Part of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Zone {
    Name,
    Details,
    Use,
}

/// Where zones of a text begin, with the strength of their words.
pub struct Zones(Vec<(usize, u32)>);

impl Zones {
    /// Those of a title in its normal form.
    pub fn of_title(text: &str) -> Zones {
        zones(text, true)
    }

    /// Those of a description in its normal form.
    pub fn of_description(text: &str) -> Zones {
        zones(text, false)
    }

    /// The strength of the word that begins there.
    pub fn strength(&self, at: usize) -> u32 {
        let zone = self.0.partition_point(|(start, _)| *start <= at);
        zone.checked_sub(1)
            .and_then(|zone| self.0.get(zone))
            .map_or(BODY, |(_, strength)| *strength)
    }
}

fn zones(text: &str, is_title: bool) -> Zones {
    let mut zones = Vec::new();
    let mut zone = Zone::Name;
    let mut alphabetic = 0;
    for (before, piece) in text.split_whitespace().enumerate() {
        let opens_bracket = piece.starts_with('(');
        let bare = piece.trim_matches(['(', ',', ';', ':']);
        if zone == Zone::Use && (is_dash(piece) || opens_bracket) {
            zone = Zone::Details;
        }
        if is_use(bare) && (before > 0 || !is_title) {
            zone = Zone::Use;
        } else if zone == Zone::Name
            && before > 0
            && (is_addition(piece) || opens_bracket || (alphabetic > 0 && is_measure(piece)))
        {
            zone = Zone::Details;
        }
        let strength = match zone {
            Zone::Name if is_title => HEAD,
            Zone::Name | Zone::Details => BODY,
            Zone::Use => CONTEXT,
        };
        zones.push((piece.as_ptr() as usize - text.as_ptr() as usize, strength));
        if (zone == Zone::Name && piece.ends_with([',', ';']))
            || (zone == Zone::Use && piece.ends_with([';', '.']))
        {
            zone = Zone::Details;
        }
        alphabetic += usize::from(piece.chars().all(char::is_alphabetic));
    }
    Zones(zones)
}

fn is_dash(piece: &str) -> bool {
    matches!(piece, "-" | "+")
}

fn is_use(word: &str) -> bool {
    matches!(word, "for" | "f/" | "compatible" | "fits" | "suitable")
}

fn is_addition(piece: &str) -> bool {
    matches!(piece, "with" | "w/" | "-" | "+" | "&" | "in" | "incl" | "incl.")
}

/// `43.2`, `10x20`, `15.6"`.
fn is_measure(piece: &str) -> bool {
    let number = piece.trim_end_matches(['"', '”', '\'', '*']);
    !number.is_empty()
        && number.chars().all(|own| own.is_ascii_digit() || matches!(own, '.' | ',' | 'x' | '/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strengths(text: &str, of: fn(&str) -> Zones) -> String {
        let zones = of(text);
        let mut at = 0;
        let strength = text.split(' ').map(|piece| {
            let strength = zones.strength(at);
            at += piece.len() + 1;
            strength.to_string()
        });
        strength.collect()
    }

    #[test]
    fn the_words_that_name_a_product_are_the_strongest() {
        let title = |text| strengths(text, Zones::of_title);
        assert_eq!(title("targus tbc005eu notebook case 43.2 cm (17\") briefcase"), "66663333");
        assert_eq!(title("screen protector for ipad air - clear"), "6611133");
        assert_eq!(title("charger, black"), "63");
        assert_eq!(title("for men"), "66");
    }

    #[test]
    fn what_a_product_fits_says_little_of_what_it_is() {
        let description = |text| strengths(text, Zones::of_description);
        assert_eq!(description("for the galaxy s8. strong glass"), "111133");
    }
}
