//! What is wrong with a field, and where it is.

/// A field that violates a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Full path of the field, e.g. `lines[2].sku`.
    pub field: String,
    /// Id of the rule, e.g. `string.max_len`.
    pub rule: &'static str,
    /// What the value must be.
    pub message: String,
}

/// The path of a value in a message: a linked list on the stack, which is only formatted for a violation.
#[derive(Debug, Clone, Copy)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    segment: Segment,
}

#[derive(Debug, Clone, Copy)]
enum Segment {
    Root,
    Field(&'static str),
    Index(usize),
}

impl Path<'_> {
    /// The message itself.
    pub const ROOT: Path<'static> = Path { parent: None, segment: Segment::Root };

    /// Path of a field of this message.
    pub fn field(&self, name: &'static str) -> Path<'_> {
        Path { parent: Some(self), segment: Segment::Field(name) }
    }

    /// Path of an element of this list.
    pub fn index(&self, index: usize) -> Path<'_> {
        Path { parent: Some(self), segment: Segment::Index(index) }
    }

    /// A violation of `rule` by the value at this path.
    pub fn violation(&self, rule: &'static str, message: impl Into<String>) -> Violation {
        Violation { field: self.to_string(), rule, message: message.into() }
    }
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
            if matches!(self.segment, Segment::Field(_)) && parent.parent.is_some() {
                f.write_str(".")?;
            }
        }
        match self.segment {
            Segment::Root => Ok(()),
            Segment::Field(name) => f.write_str(name),
            Segment::Index(index) => write!(f, "[{index}]"),
        }
    }
}
