//! What a reader sees of an HTML text.

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind::{self, Rawtext, Rcdata, ScriptData};
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use std::borrow::Cow;
use std::cell::RefCell;

/// The text without tags, comments and what browsers do not show, and with characters for entities. Words stay apart where the
/// markup keeps them apart: `<b>H</b>2` is one word, `<p>one</p>two` are two.
pub fn readable(text: &str) -> Cow<'_, str> {
    if !text.contains(['<', '&']) {
        return Cow::Borrowed(text);
    }
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(text));
    let tokenizer = Tokenizer::new(Reader::default(), TokenizerOpts::default());
    // Scripts are not run, so nothing interrupts it.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    Cow::Owned(tokenizer.sink.0.into_inner().seen)
}

#[derive(Default)]
struct Reader(RefCell<State>);

#[derive(Default)]
struct State {
    seen: String,
    /// The element whose content is not shown, and how often it is open.
    hidden: Option<(String, usize)>,
}

impl TokenSink for Reader {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut state = self.0.borrow_mut();
        match token {
            Token::CharacterTokens(text) if state.hidden.is_none() => state.seen.push_str(&text),
            Token::TagToken(tag) => {
                state.tag(&tag);
                let raw = (tag.kind == TagKind::StartTag).then(|| raw_kind(&tag.name)).flatten();
                if let Some(kind) = raw {
                    return TokenSinkResult::RawData(kind);
                }
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl State {
    fn tag(&mut self, tag: &Tag) {
        let starts = tag.kind == TagKind::StartTag;
        if let Some((hidden, depth)) = &mut self.hidden {
            if **hidden == *tag.name {
                *depth = if starts { *depth + 1 } else { *depth - 1 };
                if *depth == 0 {
                    self.hidden = None;
                }
            }
            return;
        }
        if !is_inline(&tag.name) {
            self.seen.push(' ');
        }
        if starts && is_hidden(&tag.name) {
            self.hidden = Some((tag.name.to_string(), 1));
        }
    }
}

/// Elements whose content no browser shows as text.
fn is_hidden(name: &str) -> bool {
    matches!(
        name,
        "script" | "style" | "template" | "noscript" | "noframes" | "noembed" | "iframe" | "title"
    )
}

/// Elements that do not end a word.
fn is_inline(name: &str) -> bool {
    matches!(
        name,
        "a" | "abbr"
            | "acronym"
            | "b"
            | "bdi"
            | "bdo"
            | "big"
            | "cite"
            | "code"
            | "data"
            | "del"
            | "dfn"
            | "em"
            | "font"
            | "i"
            | "ins"
            | "kbd"
            | "mark"
            | "q"
            | "s"
            | "samp"
            | "small"
            | "span"
            | "strike"
            | "strong"
            | "sub"
            | "sup"
            | "time"
            | "tt"
            | "u"
            | "var"
            | "wbr"
    )
}

/// Elements within which a `<` opens no tag.
fn raw_kind(name: &str) -> Option<RawKind> {
    match name {
        "script" => Some(ScriptData),
        "style" | "iframe" | "noembed" | "noframes" | "xmp" => Some(Rawtext),
        "title" | "textarea" => Some(Rcdata),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        readable(text).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn tags_comments_and_entities_are_not_seen() {
        for (markup, seen) in [
            ("<b>Toner</b><br/>black", "Toner black"),
            ("<p class=\"bright\">one</p>two", "one two"),
            ("H<sub>2</sub>O, <b>W</b>ith", "H2O, With"),
            ("Tom &amp; Jerry&nbsp;&lt;3 &amp;lt;", "Tom & Jerry <3 &lt;"),
            ("caf&eacute; &#39;n&#x27; &euro;5 &hellip;", "café 'n' €5 …"),
            ("AT&T and R&D", "AT&T and R&D"),
            ("weighs < 5 kg, lasts > 3 h", "weighs < 5 kg, lasts > 3 h"),
            ("a <!-- <b>not</b> this --> b", "a b"),
            ("<li>one<li>two", "one two"),
            ("cut <b", "cut"),
        ] {
            assert_eq!(words(markup), seen, "{markup}");
        }
    }

    #[test]
    fn what_browsers_do_not_show_is_not_seen() {
        for markup in [
            "left <style>p > b { color: red }</style> right",
            "left <SCRIPT>if (a < b) alert('<b>')</SCRIPT > right",
            "left <template>x<template>y</template>z</template> right",
            "left <noscript>please</noscript> right",
            "<title>page</title>left right<script>to the end",
        ] {
            assert_eq!(words(markup), "left right", "{markup}");
        }
    }
}
