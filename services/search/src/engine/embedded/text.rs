//! How text becomes words: split, lower case, ASCII folding, minimal English stemmer.

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
        .filter(MinimalEnglishStemmer)
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

/// Harman's S-stemmer: plural and singular become one word, nothing else does. On the icecat
/// judgments it beats Porter's, which takes too much off product names.
#[derive(Clone)]
struct MinimalEnglishStemmer;

fn stem(word: &mut String) {
    let ends_in = |endings: &[&str]| endings.iter().any(|ending| word.ends_with(ending));
    if word.len() < 3 || !word.ends_with('s') || ends_in(&["us", "ss", "aes", "ees", "oes"]) {
        return;
    }
    if ends_in(&["ies"]) {
        if word.len() > 3 && !ends_in(&["aies", "eies"]) {
            word.truncate(word.len() - 3);
            word.push('y');
        }
        return;
    }
    word.pop();
}

impl TokenFilter for MinimalEnglishStemmer {
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
            stem(&mut self.0.token_mut().text);
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
        ];
        for (text, word) in same {
            assert_eq!(words(text), [word], "{text}");
        }
        for word in ["bus", "glass", "wireless", "us", "s", "ies", "toes", "trees"] {
            assert_eq!(words(word), [word]);
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
