//! Words with how often they count, on their way through tantivy: as one text, cut by a tokenizer that repeats each.

use std::fmt::Write;
use std::str::Split;
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// What tantivy knows the tokenizer by.
pub const NAME: &str = "repeated";

/// Between a word and its number, and behind the number. Words have no blanks in them.
const TIMES: char = '\t';
const END: char = '\n';

/// The words as a text.
pub fn text(words: impl IntoIterator<Item = (String, u32)>) -> String {
    let mut text = String::new();
    for (word, times) in words {
        // Writing to a string does not fail.
        let _ = write!(text, "{word}{TIMES}{times}{END}");
    }
    text
}

/// Cuts such a text.
#[derive(Clone, Default)]
pub struct Repeated {
    token: Token,
}

impl Tokenizer for Repeated {
    type TokenStream<'a> = Repetitions<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Repetitions<'a> {
        self.token.position = 0;
        Repetitions { rest: text.split(END), left: 0, token: &mut self.token }
    }
}

/// The words, each as often as it counts.
pub struct Repetitions<'a> {
    rest: Split<'a, char>,
    left: u32,
    token: &'a mut Token,
}

impl TokenStream for Repetitions<'_> {
    fn advance(&mut self) -> bool {
        while self.left == 0 {
            let Some((word, times)) = self.rest.next().and_then(|own| own.split_once(TIMES)) else {
                return false;
            };
            self.token.text.clear();
            self.token.text.push_str(word);
            self.left = times.parse().unwrap_or_default();
        }
        self.left -= 1;
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_comes_as_often_as_it_counts() {
        let text = text([("c++".to_owned(), 2), ("never".to_owned(), 0), ("茶".to_owned(), 1)]);
        let mut tokenizer = Repeated::default();
        let mut stream = tokenizer.token_stream(&text);
        let mut words = Vec::new();
        while stream.advance() {
            words.push(stream.token().text.clone());
        }
        assert_eq!(words, ["c++", "c++", "茶"]);
    }
}
