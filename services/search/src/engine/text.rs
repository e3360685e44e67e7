//! How texts become words: one definition for documents and queries, and for every engine. It is pure: text in, words out.
//!
//! A document is indexed as its words, each as often as it is strong; a query asks for words, each of which may be written in
//! several ways.

mod codes;
mod document;
mod forms;
mod letters;
mod markup;
mod pieces;
mod plural;
mod query;
mod scripts;
mod zones;

pub use codes::{code, codes, is_code, sku_key};
pub use document::words_of;
pub use query::{Alternative, MIN_BEGINNING, QueryWord, query_words};
