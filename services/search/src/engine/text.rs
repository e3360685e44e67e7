//! How texts become words: one definition for documents and queries, and for every engine. It is pure: text in, words out.
//!
//! A document is indexed as its words, each as often as it is strong; a query asks for words, each of which may be written in
//! several ways.

mod document;
mod forms;
mod letters;
mod markup;
mod pieces;
mod plural;
mod query;
mod scripts;
mod zones;

pub use document::{codes, words_of};
pub use query::{Alternative, MIN_BEGINNING, QueryWord, is_code, query_words};

/// The form in which SKUs are compared: people type them in any case, with blanks around.
pub fn sku_key(sku: &str) -> String {
    letters::normal(sku.trim())
}

/// The form in which SKUs are compared where signs and blanks do not count.
pub fn code(text: &str) -> String {
    forms::code(&letters::normal(text))
}
