//! JSON lines, each a message in protobuf's canonical JSON with sorted names.

use anyhow::{Context, Result};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes rows to standard output, or to a file that appears when it is complete.
pub struct Writer {
    descriptor: MessageDescriptor,
    out: Box<dyn Write + Send>,
    /// The file that is written, and its name in the end.
    file: Option<(PathBuf, PathBuf)>,
}

impl Writer {
    /// A writer of messages of this type; `-` is standard output.
    pub fn open<M: prost::Name>(path: &Path) -> Result<Self> {
        let pool = DescriptorPool::decode(contracts::descriptors()).context("read the contract")?;
        let descriptor = pool.get_message_by_name(&M::full_name());
        let descriptor =
            descriptor.with_context(|| format!("{} is not in the contract", M::full_name()))?;
        if path.as_os_str() == "-" {
            let out = Box::new(BufWriter::new(std::io::stdout()));
            return Ok(Self { descriptor, out, file: None });
        }
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = File::create(&part).with_context(|| format!("write {}", part.display()))?;
        let out = Box::new(BufWriter::new(file));
        Ok(Self { descriptor, out, file: Some((part, path.to_owned())) })
    }

    /// Writes a row.
    pub fn write<M: Message>(&mut self, message: &M) -> Result<()> {
        let line = line(&self.descriptor, message)?;
        self.out.write_all(line.as_bytes()).context("write a row")
    }

    /// Completes the output.
    pub fn finish(mut self) -> Result<()> {
        self.out.flush().context("write the last rows")?;
        match self.file {
            Some((part, path)) => {
                fs::rename(part, &path).with_context(|| format!("write {}", path.display()))
            }
            None => Ok(()),
        }
    }
}

fn line<M: Message>(descriptor: &MessageDescriptor, message: &M) -> Result<String> {
    let mut row = DynamicMessage::new(descriptor.clone());
    row.transcode_from(message).context("convert a row")?;
    // Sorts the names: those of a `Struct` have no order.
    let value = serde_json::to_value(&row).context("convert a row")?;
    Ok(format!("{value}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::lines::Lines;
    use catalog_api::v1::ImportRow;
    use prost_types::{Struct, Value, value::Kind};

    #[test]
    fn a_row_has_one_form_and_is_read_as_it_was() {
        let number = |number| Value { kind: Some(Kind::NumberValue(number)) };
        let fields = (0..50).map(|n| (format!("f{n}"), number(f64::from(n) / 3.0)));
        let row = ImportRow {
            key: "K".into(),
            title: "Émile \"x\"".into(),
            specifications: Some(Struct { fields: fields.collect() }),
            ..ImportRow::default()
        };
        let pool = DescriptorPool::decode(contracts::descriptors()).unwrap();
        let descriptor = pool.get_message_by_name("souk.catalog.v1.ImportRow").unwrap();
        let text = line(&descriptor, &row).unwrap();
        assert_eq!(text, line(&descriptor, &row.clone()).unwrap());
        let read = Lines::<_, ImportRow>::new(text.as_bytes()).unwrap().next();
        assert_eq!(read.unwrap().unwrap().unwrap().message, row);
    }
}
