/// The rules that the contract lays down for a message, as `build.rs` generates them.
pub trait Validate {
    /// Appends every violation in this message, which stands at `at`, to `out`.
    fn check(&self, at: &Path<'_>, out: &mut Vec<Violation>);

    /// All violations of a message that stands by itself.
    fn violations(&self) -> Vec<Violation> {
        let mut out = Vec::new();
        self.check(&Path::ROOT, &mut out);
        out
    }
}

/// A field that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Full path of the field, e.g. `lines[2].sku`.
    pub field: String,
    /// Id of the rule, e.g. `string.max_len`.
    pub rule: &'static str,
    /// What the value must be.
    pub message: String,
}

/// Where a value stands in a message. It lives on the stack and becomes text only where something is wrong.
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

    /// A field of the message here.
    pub fn field(&self, name: &'static str) -> Path<'_> {
        Path { parent: Some(self), segment: Segment::Field(name) }
    }

    /// An element of the list here.
    pub fn index(&self, index: usize) -> Path<'_> {
        Path { parent: Some(self), segment: Segment::Index(index) }
    }

    /// Says that the value here breaks `rule`.
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

/// Only the hyphenated form counts, as for the reference implementation.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// Whether a value is what an absent field decodes to.
pub(crate) fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Whether two elements are equal.
pub(crate) fn repeats<T: Ord>(list: &[T]) -> bool {
    let mut sorted: Vec<&T> = list.iter().collect();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair.first() == pair.last())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::v1::{BulkSetPricesRequest, Item, PriceDraft, item::Name};
    use crate::types::v1::Money;

    fn draft(sku: &str) -> PriceDraft {
        PriceDraft {
            item: Some(Item { name: Some(Name::Sku(sku.to_owned())) }),
            base: Some(Money { currency_code: "USD".into(), minor_units: 100 }),
            ..Default::default()
        }
    }

    fn broken(message: &impl Validate) -> Vec<(String, &'static str)> {
        message.violations().into_iter().map(|v| (v.field, v.rule)).collect()
    }

    #[test]
    fn every_violation_is_named_with_its_full_path() {
        let nameless = PriceDraft { item: Some(Item { name: None }), ..draft("x") };
        let mut foreign = draft("ok");
        foreign.sale = Some(Money { currency_code: "US".into(), minor_units: 1 });
        let request = BulkSetPricesRequest {
            prices: vec![draft("ok"), draft(&"x".repeat(65)), nameless, foreign],
            request_id: "no-uuid".into(),
            ..Default::default()
        };
        assert_eq!(
            broken(&request),
            [
                ("prices[1].item.sku".to_owned(), "string.max_len"),
                ("prices[2].item.name".to_owned(), "required"),
                ("prices[3].sale.currency_code".to_owned(), "string.len"),
                ("request_id".to_owned(), "string.uuid"),
            ]
        );
    }

    #[test]
    fn an_empty_message_lacks_what_is_required() {
        assert_eq!(
            broken(&BulkSetPricesRequest::default()),
            [("prices".to_owned(), "repeated.min_items")]
        );
    }

    #[test]
    fn lengths_count_characters_and_not_bytes() {
        assert_eq!(broken(&draft(&"é".repeat(64))), []);
    }

    #[test]
    fn rows_under_an_error_policy_are_left_to_their_handler() {
        use crate::catalog::v1::{ImportChunk, ImportRow};
        let chunk = ImportChunk { sequence: 1, rows: vec![ImportRow::default()] };
        assert_eq!(broken(&chunk), []);
        assert_eq!(
            broken(&ImportRow::default()),
            [
                ("key".to_owned(), "string.min_len"),
                ("title".to_owned(), "string.min_len"),
                ("variants".to_owned(), "repeated.min_items"),
            ]
        );
    }
}
