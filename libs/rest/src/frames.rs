//! Messages as gRPC carries them.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Flag and length before each message.
const PREFIX: usize = 5;

/// A message with its prefix, uncompressed.
pub(crate) fn frame(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    framed.freeze()
}

/// Takes messages out of what was received.
#[derive(Debug, Default)]
pub(crate) struct Frames(BytesMut);

impl Frames {
    pub(crate) fn push(&mut self, data: &[u8]) {
        self.0.extend_from_slice(data);
    }

    /// The next message that is complete.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        let (_, rest) = self.0.split_first()?;
        let length = usize::try_from(u32::from_be_bytes(*rest.first_chunk()?)).ok()?;
        if self.0.len() < PREFIX + length {
            return None;
        }
        self.0.advance(PREFIX);
        Some(self.0.split_to(length).freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_as_they_went_in_however_they_are_cut() {
        let sent = [frame(b"one"), frame(b""), frame(b"three")].concat();
        for cut in 1..sent.len() {
            let (mut frames, mut got) = (Frames::default(), Vec::new());
            for part in sent.chunks(cut) {
                frames.push(part);
                while let Some(message) = frames.next() {
                    got.push(message);
                }
            }
            assert_eq!(got, [&b"one"[..], b"", b"three"], "{cut}");
        }
    }
}
