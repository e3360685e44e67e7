//! How text becomes words: split, lower case, ASCII folding, singular.

use crate::engine::plural;
use tantivy::tokenizer::{
    AsciiFoldingFilter, LowerCaser, RemoveLongFilter, SimpleTokenizer, TextAnalyzer, Token,
    TokenFilter, TokenStream, Tokenizer,
};

/// Longer words are no words: base64, hashes, broken markup.
const MAX_WORD_BYTES: usize = 64;

/// The one analyzer, for documents and queries alike.
pub fn analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(MAX_WORD_BYTES))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .filter(Singular)
        .build()
}

/// The distinct words of a text in the order they first occur.
pub fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut analyzer = analyzer();
    let mut stream = analyzer.token_stream(text);
    while stream.advance() {
        let word = &stream.token().text;
        if !words.contains(word) {
            words.push(word.clone());
        }
    }
    words
}

/// The form in which SKUs are compared: people type them in any case, with blanks around.
pub fn sku_key(sku: &str) -> String {
    sku.trim().to_lowercase()
}

/// What a reader sees of an HTML text: tags become blanks, the common entities characters.
///
/// A `<` that opens no tag stays, so that "< 5 kg" survives in plain text.
pub fn without_markup(text: &str) -> String {
    let mut seen = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        seen.push_str(before);
        let opens = tag[1..].starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c));
        match tag.find('>') {
            Some(end) if opens => {
                seen.push(' ');
                rest = &tag[end + 1..];
            }
            _ => {
                seen.push('<');
                rest = &tag[1..];
            }
        }
    }
    seen.push_str(rest);
    if !seen.contains('&') {
        return seen;
    }
    seen.replace("&nbsp;", " ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

/// Makes singular and plural one word.
#[derive(Clone)]
struct Singular;

impl TokenFilter for Singular {
    type Tokenizer<T: Tokenizer> = StemmingTokenizer<T>;

    fn transform<T: Tokenizer>(self, tokenizer: T) -> StemmingTokenizer<T> {
        StemmingTokenizer(tokenizer)
    }
}

#[derive(Clone)]
struct StemmingTokenizer<T>(T);

impl<T: Tokenizer> Tokenizer for StemmingTokenizer<T> {
    type TokenStream<'a> = StemmingStream<T::TokenStream<'a>>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Self::TokenStream<'a> {
        StemmingStream(self.0.token_stream(text))
    }
}

struct StemmingStream<T>(T);

impl<T: TokenStream> TokenStream for StemmingStream<T> {
    fn advance(&mut self) -> bool {
        let advanced = self.0.advance();
        if advanced {
            plural::cut(&mut self.0.token_mut().text);
        }
        advanced
    }

    fn token(&self) -> &Token {
        self.0.token()
    }

    fn token_mut(&mut self) -> &mut Token {
        self.0.token_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plural_and_singular_are_one_word() {
        let same = [
            ("laptops", "laptop"),
            ("batteries", "battery"),
            ("cases", "case"),
            ("DRIVES", "drive"),
            ("Écrans", "ecran"),
            ("watches", "watch"),
        ];
        for (plural, singular) in same {
            assert_eq!(words(plural), words(singular), "{plural}");
        }
    }

    #[test]
    fn a_text_is_its_distinct_words() {
        assert_eq!(words("USB-hub: usb  hubs, 4 ports"), ["usb", "hub", "4", "port"]);
        assert!(words("?! -- ").is_empty());
    }

    #[test]
    fn markup_is_not_searched() {
        assert_eq!(without_markup("<b>Toner</b><br/>black"), " Toner  black");
        assert_eq!(without_markup("Tom &amp; Jerry&nbsp;&lt;3 &amp;lt;"), "Tom & Jerry <3 &lt;");
        assert_eq!(without_markup("weighs < 5 kg, lasts > 3 h"), "weighs < 5 kg, lasts > 3 h");
        assert_eq!(without_markup("cut <b"), "cut <b");
    }
}
