//! What can be a row, and which rows of a file name the same. The rule is for the whole file: how it is cut into chunks changes nothing.

mod prices;
mod products;
mod stock;

use kernel::digest::sha256;
use prost::Message;

/// A message that can be a row.
pub trait Keyed: Message + prost::Name + Default {
    /// Where its key may stand in its JSON.
    const KEY_PATHS: &'static [&'static [&'static str]];

    /// What earlier lines name.
    type Seen: Default;

    /// The key that identifies the row.
    fn key(&self) -> String;

    /// Remembers what the row names, or says which earlier line names the same: reason and message. A row that the service's own reader
    /// refuses names nothing: the service says why.
    fn claim(&self, line: u64, seen: &mut Self::Seen) -> Result<(), (String, String)>;

    /// Remembers the key of a row that is refused, where it matters that the file has it all the same.
    fn mention(&self, _seen: &mut Self::Seen) {}
}

/// Long texts by the first half of their SHA-256.
type Digest = [u8; 16];

fn digest(kind: u8, content: &[u8]) -> Digest {
    let all = [&[kind], content].concat();
    sha256(&all).first_chunk().copied().unwrap_or_default()
}

/// Line and reason of each row that is refused.
#[cfg(test)]
fn reasons<M: Keyed>(rows: &[M]) -> Vec<(u64, String)> {
    let mut seen = M::Seen::default();
    let claims = (1..).zip(rows).map(|(line, row)| (line, row.claim(line, &mut seen)));
    claims.filter_map(|(line, claim)| Some((line, claim.err()?.0))).collect()
}
