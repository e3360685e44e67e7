//! Bounds what decoding a message costs: an element takes two bytes on the wire and hundreds in memory, so a few kilobytes, compressed,
//! could become a gigabyte. The encoded message is walked through before it is decoded, without allocation.

use crate::violation::{Path, Violation};

/// Memory that the elements of a message may take: sixteen times the usual limit of its encoded size.
const MAX_MEMORY: usize = 64 * 1024 * 1024;

/// Nesting that prost decodes.
const MAX_DEPTH: u32 = 100;

/// What bounds a message.
#[derive(Debug)]
pub struct Bounds {
    /// Its fields that are lists or messages.
    pub fields: &'static [FieldBounds],
}

/// What bounds a field.
#[derive(Debug)]
pub struct FieldBounds {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: &'static str,
    /// Most elements, where the contract says so.
    pub max_items: Option<u64>,
    /// Memory of an element, without what it points to; 0 for a field that is no list.
    pub size: usize,
    /// The message that it holds.
    pub message: Option<fn() -> &'static Bounds>,
}

/// The bounds of `google.protobuf.Struct`, whose values nest.
pub fn of_struct() -> &'static Bounds {
    const ENTRY: usize = 120;
    const VALUE: usize = 72;
    const fn field(number: u32, size: usize, message: fn() -> &'static Bounds) -> FieldBounds {
        FieldBounds { number, name: "value", max_items: None, size, message: Some(message) }
    }
    static STRUCT: Bounds = Bounds { fields: &[field(1, ENTRY, entry)] };
    static ENTRIES: Bounds = Bounds { fields: &[field(2, 0, value)] };
    static VALUES: Bounds = Bounds { fields: &[field(5, 0, of_struct), field(6, 0, list)] };
    static LIST: Bounds = Bounds { fields: &[field(1, VALUE, value)] };
    fn entry() -> &'static Bounds {
        &ENTRIES
    }
    fn value() -> &'static Bounds {
        &VALUES
    }
    fn list() -> &'static Bounds {
        &LIST
    }
    &STRUCT
}

/// Refuses a message with a list that is too long, or that would take too much memory. Bytes that are no message are left to the decoder.
pub fn check(bytes: &[u8], bounds: &Bounds) -> Result<(), Violation> {
    let mut left = MAX_MEMORY;
    walk(bytes, bounds, &Path::ROOT, MAX_DEPTH, &mut left).map_or(Ok(()), Err)
}

fn walk(
    mut bytes: &[u8],
    bounds: &Bounds,
    at: &Path<'_>,
    depth: u32,
    left: &mut usize,
) -> Option<Violation> {
    let mut counts = Counts::default();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let number = u32::try_from(key >> 3).ok()?;
        let payload = match key & 7 {
            0 => varint(&mut bytes).map(|_| None)?,
            1 => take(&mut bytes, 8).map(|_| None)?,
            2 => {
                let length = varint(&mut bytes)?;
                Some(take(&mut bytes, usize::try_from(length).ok()?)?)
            }
            5 => take(&mut bytes, 4).map(|_| None)?,
            _ => return None,
        };
        let Some(field) = bounds.fields.iter().find(|field| field.number == number) else {
            continue;
        };
        let at = at.field(field.name);
        let index = if field.size > 0 { counts.next(number) } else { 0 };
        if let Some(max) = field.max_items
            && index >= max
        {
            let message = format!("must contain no more than {max} item(s)");
            return Some(at.violation("repeated.max_items", message));
        }
        match left.checked_sub(field.size) {
            Some(rest) => *left = rest,
            None => return Some(at.violation("memory", "has too many elements for one message")),
        }
        if let (Some(payload), Some(message), Some(depth)) =
            (payload, field.message, depth.checked_sub(1))
        {
            let found = match usize::try_from(index) {
                Ok(index) if field.size > 0 => {
                    walk(payload, message(), &at.index(index), depth, left)
                }
                _ => walk(payload, message(), &at, depth, left),
            };
            if found.is_some() {
                return found;
            }
        }
    }
    None
}

/// How many elements of a field came so far. Messages have few lists, and neighbouring elements are of one field.
#[derive(Default)]
struct Counts {
    of: [(u32, u64); 16],
}

impl Counts {
    /// The index of the next element of a field.
    fn next(&mut self, number: u32) -> u64 {
        let known = self.of.iter().position(|(own, _)| *own == number);
        let free = || self.of.iter().position(|(own, _)| *own == 0);
        let Some(at) = known.or_else(free) else { return 0 };
        let (own, count) = &mut self.of[at];
        *own = number;
        *count += 1;
        *count - 1
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take<'b>(bytes: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}
