//! Reads JSON lines: one message on each line, in protobuf's canonical JSON. Unknown fields are refused, because a misspelled field
//! would otherwise be dropped silently.

use super::{Refused, Row};
use anyhow::{Context, Result};
use catalog_api::v1::ImportRow;
use pricing_api::v1::{PriceDraft, item::Name};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use std::io::{BufRead, Read};
use std::marker::PhantomData;

/// Well above the 4 MiB that services accept in one message, because JSON is larger than the binary format.
const MAX_LINE_BYTES: u64 = 16 * 1024 * 1024;

/// A message that can be a row.
pub trait Keyed: Message + prost::Name + Default {
    /// The key that identifies the row.
    fn key(&self) -> String;
}

impl Keyed for ImportRow {
    fn key(&self) -> String {
        self.key.clone()
    }
}

impl Keyed for PriceDraft {
    fn key(&self) -> String {
        match self.item.as_ref().and_then(|item| item.name.as_ref()) {
            Some(Name::Sku(sku)) => sku.clone(),
            Some(Name::ProductId(id)) => id.clone(),
            None => String::new(),
        }
    }
}

/// Reads rows one by one. Empty lines are skipped but counted.
pub struct Lines<R, M> {
    reader: R,
    descriptor: MessageDescriptor,
    line: u64,
    buffer: Vec<u8>,
    message: PhantomData<M>,
}

impl<R: BufRead, M: Keyed> Lines<R, M> {
    /// Reads the rows of `reader`.
    pub fn new(reader: R) -> Result<Self> {
        let pool = DescriptorPool::decode(contracts::descriptors()).context("read the contract")?;
        let descriptor = pool.get_message_by_name(&M::full_name());
        let descriptor =
            descriptor.with_context(|| format!("{} is not in the contract", M::full_name()))?;
        Ok(Self { reader, descriptor, line: 0, buffer: Vec::new(), message: PhantomData })
    }

    fn decode(&self) -> Result<M, String> {
        let mut json = serde_json::Deserializer::from_slice(&self.buffer);
        let message = DynamicMessage::deserialize(self.descriptor.clone(), &mut json);
        let message = message.and_then(|message| json.end().map(|()| message));
        // serde_json's line number is always 1; the caller adds the one of the file.
        let message =
            message.map_err(|error| error.to_string().replace(" at line 1 column", ", column"))?;
        message.transcode_to().map_err(|error| error.to_string())
    }
}

impl<R: BufRead, M: Keyed> Iterator for Lines<R, M> {
    type Item = Result<Result<Row<M>, Refused>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.buffer.clear();
            self.line += 1;
            let line = self.line;
            let read =
                self.reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut self.buffer);
            match read.with_context(|| format!("read line {line}")) {
                Err(error) => return Some(Err(error)),
                Ok(0) => return None,
                Ok(_) if self.buffer.trim_ascii().is_empty() => {}
                Ok(read) if read as u64 == MAX_LINE_BYTES => {
                    let message = format!("line {line} is longer than {MAX_LINE_BYTES} bytes");
                    return Some(Err(anyhow::anyhow!("{message}; is this a file of JSON lines?")));
                }
                Ok(_) => break,
            }
        }
        let refused = |message| Refused {
            line: self.line,
            key: String::new(),
            reason: "UNREADABLE".to_owned(),
            message,
        };
        Some(Ok(self.decode().map(|message| Row { line: self.line, message }).map_err(refused)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(rows[3].as_ref().unwrap().line, 4);
    }
}
