//! Codes of articles: compared whole, as they are or without signs.

use super::letters::{cut, normal, plain};
use std::collections::BTreeSet;

/// The form in which SKUs are compared: people type them in any case, with blanks around.
pub fn sku_key(sku: &str) -> String {
    normal(sku.trim())
}

/// The form in which SKUs are compared where signs and blanks do not count.
pub fn code(text: &str) -> String {
    code_of(&normal(text))
}

/// The same of a text in its normal form.
pub fn code_of(text: &str) -> String {
    let kept: String = text.chars().filter(|own| own.is_alphanumeric()).collect();
    cut(plain(&kept))
}

/// The codes under which a SKU is found: as it is, and without signs.
pub fn codes(sku: &str) -> BTreeSet<String> {
    [sku_key(sku), code(sku)].into_iter().filter(|code| !code.is_empty()).collect()
}

/// Whether a whole query looks like a code rather than like a word: with a digit or a sign in it.
pub fn is_code(query: &str) -> bool {
    let query = query.trim();
    !query.contains(char::is_whitespace) && query.chars().any(|own| !own.is_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_with_and_without_signs() {
        assert_eq!(Vec::from_iter(codes(" ION-HDP-10 ")), ["ion-hdp-10", "ionhdp10"]);
        assert_eq!(Vec::from_iter(codes("##")), ["##"]);
    }

    #[test]
    fn a_code_has_a_digit_or_a_sign() {
        assert!(is_code(" AB-12 ") && is_code("##") && is_code("4006381333931"));
        assert!(!is_code("toner") && !is_code("AB 12") && !is_code(""));
    }
}
