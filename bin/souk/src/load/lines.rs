//! Reads JSON lines: one message on each line, in protobuf's canonical JSON. Unknown fields are refused, because a misspelled field
//! would otherwise be dropped silently.

use super::format::other_format;
use super::keyed::Keyed;
use super::{Refused, Row, UNREADABLE};
use anyhow::{Context, Result, bail};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use rest::scan::{TOO_DEEP, in_a_line, scan};
use std::io::{BufRead, Read};
use std::marker::PhantomData;

/// Well above the 4 MiB that services accept in one message, because JSON is larger than the binary format.
const MAX_LINE_BYTES: u64 = 16 * 1024 * 1024;

/// Some editors begin a file with it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Where files were put together, each with one of its own.
const MISPLACED_MARK: &str = "the line begins with a byte order mark (U+FEFF), which only the beginning of a file may have; take it out";

/// Reads rows one by one. Empty lines are skipped but counted.
pub struct Lines<R, M> {
    reader: R,
    descriptor: MessageDescriptor,
    line: u64,
    buffer: Vec<u8>,
    /// Whether the line goes on behind the buffer.
    too_long: bool,
    /// Whether a line with content was read.
    begun: bool,
    message: PhantomData<M>,
}

impl<R: BufRead, M: Keyed> Lines<R, M> {
    /// Reads the rows of `reader`.
    pub fn new(reader: R) -> Result<Self> {
        let pool = DescriptorPool::decode(contracts::descriptors()).context("read the contract")?;
        let descriptor = pool.get_message_by_name(&M::full_name());
        let descriptor =
            descriptor.with_context(|| format!("{} is not in the contract", M::full_name()))?;
        let (line, buffer, message) = (0, Vec::new(), PhantomData);
        Ok(Self { reader, descriptor, line, buffer, too_long: false, begun: false, message })
    }

    /// Reads the next line with content; false: there is none.
    fn read(&mut self) -> Result<bool> {
        loop {
            self.buffer.clear();
            self.line += 1;
            let reading = || format!("read line {}", self.line);
            let mut line = self.reader.by_ref().take(MAX_LINE_BYTES + 1);
            if line.read_until(b'\n', &mut self.buffer).with_context(reading)? == 0 {
                return Ok(false);
            }
            // Before blanks are taken away: a row may stand behind them.
            self.too_long = self.buffer.len() as u64 > MAX_LINE_BYTES;
            if self.too_long {
                self.reader.skip_until(b'\n').with_context(reading)?;
            }
            while self.buffer.last().is_some_and(u8::is_ascii_whitespace) {
                self.buffer.pop();
            }
            if self.line == 1 && self.buffer.starts_with(BYTE_ORDER_MARK) {
                self.buffer.drain(..BYTE_ORDER_MARK.len());
            }
            let is_empty = self.buffer.trim_ascii().is_empty();
            if is_empty && !self.too_long {
                continue;
            }
            if !self.begun && !is_empty {
                require_json_lines(&self.buffer)?;
            }
            self.begun = true;
            return Ok(true);
        }
    }

    fn decode(&self) -> Result<M, Refused> {
        let marked = self.buffer.trim_ascii_start().strip_prefix(BYTE_ORDER_MARK);
        let json = marked.unwrap_or(&self.buffer);
        let (key, scanned) = scan(json, &self.descriptor, M::KEY_PATHS);
        let scanned = match marked {
            _ if self.too_long => Err(format!("the line is longer than {MAX_LINE_BYTES} bytes")),
            Some(_) => Err(MISPLACED_MARK.to_owned()),
            None => scanned,
        };
        scanned.and_then(|()| self.message()).map_err(|message| Refused {
            line: self.line,
            key: key.unwrap_or_default(),
            reason: UNREADABLE.to_owned(),
            message,
        })
    }

    fn message(&self) -> Result<M, String> {
        let mut json = serde_json::Deserializer::from_slice(&self.buffer);
        let message = DynamicMessage::deserialize(self.descriptor.clone(), &mut json);
        let message = message.and_then(|message| json.end().map(|()| message));
        let message = message.map_err(|error| in_a_line(&error))?;
        // It was read as what it is transcoded to, so nothing else can be wrong.
        message.transcode_to().map_err(|_| TOO_DEEP.to_owned())
    }
}

impl<R: BufRead, M: Keyed> Iterator for Lines<R, M> {
    type Item = Result<Result<Row<M>, Refused>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.read() {
            Err(error) => Some(Err(error)),
            Ok(false) => None,
            Ok(true) => Some(Ok(self.decode().map(|message| Row { line: self.line, message }))),
        }
    }
}

/// Fails where the first line with content shows that the file is of another format.
pub fn require_json_lines(line: &[u8]) -> Result<()> {
    match other_format(line) {
        Some(format) => bail!("these are no JSON lines but {format}"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog_api::v1::ImportRow;
    use pricing_api::v1::PriceDraft;

    fn read(text: &str) -> Vec<Result<Row<PriceDraft>, Refused>> {
        Lines::new(text.as_bytes()).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn rows_are_canonical_json_and_keep_their_line() {
        let rows = read(concat!(
            "{\"item\":{\"sku\":\"A-1\"},\"base\":{\"currencyCode\":\"USD\",\"minorUnits\":\"1999\"}}\n",
            "\n",
            "{\"item\":{\"sku\":\"A-2\"},\"base\":{\"currency_code\":\"USD\",\"minor_units\":5}}",
        ));
        let (first, second) = (rows[0].as_ref().unwrap(), rows[1].as_ref().unwrap());
        assert_eq!((first.line, first.message.key()), (1, "A-1".to_owned()));
        assert_eq!(first.message.base.as_ref().unwrap().minor_units(), 1999);
        assert_eq!((second.line, second.message.key()), (3, "A-2".to_owned()));
    }

    #[test]
    fn unknown_keys_and_torn_lines_are_refused_with_their_line() {
        let rows =
            read("{\"itm\":{}}\n{\"item\":{\"sku\":\"A\"\n{} {}\n{\"item\":{\"sku\":\"ok\"}}\n");
        let refused: Vec<_> = rows.iter().filter_map(|row| row.as_ref().err()).collect();
        assert_eq!(refused.iter().map(|refused| refused.line).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(refused[0].message.contains("itm"), "{}", refused[0]);
        assert!(refused.iter().all(|refused| refused.reason == "UNREADABLE"));
        assert_eq!(refused.iter().map(|refused| &*refused.key).collect::<Vec<_>>(), ["", "A", ""]);
        assert_eq!(rows[3].as_ref().unwrap().line, 4);
    }

    #[test]
    fn a_field_that_comes_twice_in_either_spelling_is_refused() {
        let row = |rest: &str| format!("{{\"item\":{{\"sku\":\"A\"}},{rest}}}");
        for (twice, name) in [
            ("\"from\":null,\"from\":null", "from"),
            ("\"base\":{\"minorUnits\":\"1\",\"minor_units\":\"2\"}", "minor_units"),
            ("\"item\":{\"sku\":\"B\"}", "item"),
        ] {
            let rows = read(&row(twice));
            let refused = rows[0].as_ref().unwrap_err();
            assert!(refused.message.contains(&format!("{name:?} comes twice")), "{refused}");
            assert_eq!(refused.key, "A");
        }
        let free = "{\"key\":\"K\",\"specifications\":{\"a_b\":1,\"aB\":2}}\n\
                    {\"key\":\"L\",\"specifications\":{\"a\":{\"b\":1,\"b\":2}}}";
        let mut rows = Lines::<_, ImportRow>::new(free.as_bytes()).unwrap().map(Result::unwrap);
        assert!(rows.next().unwrap().is_ok());
        assert_eq!(rows.next().unwrap().unwrap_err().key, "L");
    }

    #[test]
    fn what_nests_too_deep_is_refused_with_its_key_and_in_few_words() {
        let nested = |depth: usize| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            format!("{{\"key\":\"K\",\"specifications\":{{\"a\":{open}{close}}}}}\n")
        };
        let mut messages = Vec::new();
        for depth in 40..70 {
            let text = nested(depth);
            let mut rows = Lines::<_, ImportRow>::new(text.as_bytes()).unwrap();
            if let Err(refused) = rows.next().unwrap().unwrap() {
                assert_eq!((&*refused.key, &*refused.reason), ("K", "UNREADABLE"));
                assert!(refused.message.len() < 200, "{refused}");
                messages.push(refused.message);
            }
        }
        assert!(messages.iter().any(|message| message == TOO_DEEP));
    }

    #[test]
    fn a_whole_number_is_not_rounded() {
        let row = |number: &str| {
            let base = format!("{{\"currencyCode\":\"USD\",\"minorUnits\":{number}}}");
            format!("{{\"item\":{{\"sku\":\"A\"}},\"base\":{base}}}")
        };
        for number in ["5", "\"5\"", "9223372036854775807", "-1"] {
            assert!(read(&row(number))[0].is_ok(), "{number}");
        }
        for (number, why) in [
            ("1999.0", "without a fraction"),
            ("9007199254740993.0", "without a fraction"),
            ("1e3", "without a fraction"),
            ("1e-400", "without a fraction"),
            ("9223372036854775808", "more than the field can hold"),
            ("9223372036854775808.0", "more than the field can hold"),
            ("-9223372036854775809", "more than the field can hold"),
        ] {
            let rows = read(&row(number));
            let refused = rows[0].as_ref().unwrap_err();
            assert!(
                refused.message.contains(why) && refused.message.starts_with("base.minor_units: ")
            );
            assert_eq!((&*refused.key, &*refused.reason), ("A", "UNREADABLE"));
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_and_the_next_one_is_read() {
        let long = "x".repeat(usize::try_from(MAX_LINE_BYTES).unwrap());
        let text = format!("{{\"key\":\"K\",\"title\":\"{long}\"}}\n{{\"key\":\"L\"}}\n");
        let mut rows = Lines::<_, ImportRow>::new(text.as_bytes()).unwrap().map(Result::unwrap);
        let refused = rows.next().unwrap().unwrap_err();
        assert_eq!((refused.line, &*refused.key), (1, "K"));
        assert!(refused.message.contains("longer than"), "{refused}");
        assert_eq!(rows.next().unwrap().unwrap().line, 2);
        assert!(rows.next().is_none());
        // Neither a row before blanks nor one behind them is cut off or lost.
        let blanks = " ".repeat(usize::try_from(MAX_LINE_BYTES).unwrap());
        for line in [format!("{{\"key\":\"K\"}}{blanks}!"), format!("{blanks}{{\"key\":\"K\"}}")] {
            let text = format!("{line}\n{{\"key\":\"L\"}}\n");
            let mut rows = Lines::<_, ImportRow>::new(text.as_bytes()).unwrap().map(Result::unwrap);
            let refused = rows.next().unwrap().unwrap_err();
            assert!(refused.message.contains("longer than"), "{refused}");
            assert_eq!((refused.line, rows.next().unwrap().unwrap().line), (1, 2));
        }
    }

    #[test]
    fn a_value_of_another_kind_is_named_by_its_path() {
        let price = |rest: &str| format!("{{\"item\":{{\"sku\":\"A\"}},{rest}}}");
        for (rest, expected) in [
            (
                "\"base\":{\"minor_units\":\"49.99\"}",
                "base.minor_units: is a whole number, not \"49.99\"",
            ),
            (
                "\"base\":{\"minorUnits\":\"\"}",
                "base.minor_units: is a whole number, not an empty text",
            ),
            ("\"base\":{\"minor_units\":true}", "base.minor_units: is a whole number"),
            ("\"base\":{\"currency_code\":5}", "base.currency_code: is a text; write it in quotes"),
            ("\"base\":[]", "base: is an object; write it in { }"),
            (
                "\"from\":\"2026-02-30T00:00:00Z\"",
                "from: is a time such as \"2026-01-31T12:00:00Z\", not \"2026-02-30T00:00:00Z\"",
            ),
            ("\"from\":5", "from: is a time such as \"2026-01-31T12:00:00Z\""),
        ] {
            let refused = read(&price(rest)).remove(0).unwrap_err();
            assert_eq!((&*refused.key, &*refused.message), ("A", expected));
        }
        for (rest, expected) in [
            ("\"title\":5", "title: is a text; write it in quotes"),
            ("\"category_keys\":\"lamps\"", "category_keys: is a list; write it in [ ]"),
            ("\"categoryKeys\":[\"lamps\",{}]", "category_keys[1]: is a text; write it in quotes"),
            ("\"status\":\"ACTIVE\"", "status: is not \"ACTIVE\", but one of PRODUCT_STATUS_DRAFT"),
        ] {
            let row = format!("{{\"key\":\"K\",{rest}}}");
            let mut rows = Lines::<_, ImportRow>::new(row.as_bytes()).unwrap().map(Result::unwrap);
            let refused = rows.next().unwrap().unwrap_err();
            assert!(refused.message.starts_with(expected), "{refused}");
        }
    }

    #[test]
    fn a_byte_order_mark_may_begin_a_file_only_and_another_format_ends_it_at_once() {
        assert!(read("\u{feff}{\"item\":{\"sku\":\"A\"}}")[0].is_ok());
        let put_together = "{\"item\":{\"sku\":\"A\"}}\n\u{feff}{\"item\":{\"sku\":\"B\"}}\n";
        let rows = read(put_together);
        let refused = rows[1].as_ref().unwrap_err();
        assert!(rows[0].is_ok() && refused.message.contains("byte order mark"), "{refused}");
        assert_eq!((refused.line, &*refused.key, &*refused.reason), (2, "B", "UNREADABLE"));
        let mut csv = Lines::<_, ImportRow>::new(&b"\n\nkey,title\nA,Desk\n"[..]).unwrap();
        let error = csv.next().unwrap().unwrap_err();
        assert!(error.to_string().contains("CSV"), "{error}");
    }
}
