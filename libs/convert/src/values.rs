//! Values that many messages have.

use crate::Fields;
use chrono::{DateTime, Utc};
use contracts::Reason;
use contracts::types::v1::Money as MoneyMessage;
use fault::{Common, Fault};
use kernel::currency::Currency;
use kernel::id::Id;
use kernel::money::Money;
use kernel::name;
use kernel::sku::Sku;
use kernel::window::Window;
use prost_types::{FieldMask, Timestamp};

impl Fields {
    /// A message that must be there.
    pub fn required<M>(&mut self, path: &str, message: Option<M>) -> Option<M> {
        match message {
            Some(message) => Some(message),
            None => self.refuse(Common::InvalidField, path, "is required"),
        }
    }

    /// A message that must be there, read with its fields named below it.
    pub fn message<'m, M, T>(
        &mut self,
        path: &str,
        message: Option<&'m M>,
        read: impl FnOnce(&mut Self, &'m M) -> Option<T>,
    ) -> Option<T> {
        let message = self.required(path, message)?;
        self.within(path, |fields| read(fields, message))
    }

    /// An id.
    pub fn id<T>(&mut self, path: &str, text: &str) -> Option<Id<T>> {
        match Id::parse(text) {
            Ok(id) => Some(id),
            Err(error) => self.refuse(Common::InvalidField, path, error.to_string()),
        }
    }

    /// An id, or none where the text is empty.
    pub fn optional_id<T>(&mut self, path: &str, text: &str) -> Option<Option<Id<T>>> {
        if text.is_empty() { Some(None) } else { self.id(path, text).map(Some) }
    }

    /// Ids in their order.
    pub fn ids<T, L: FromIterator<Id<T>>>(&mut self, path: &str, texts: &[String]) -> Option<L> {
        self.each(path, texts, |fields, text| fields.id("", text))
    }

    /// A SKU.
    pub fn sku(&mut self, path: &str, text: &str) -> Option<Sku> {
        match Sku::parse(text) {
            Ok(sku) => Some(sku),
            Err(error) => self.refuse(Common::InvalidField, path, error.to_string()),
        }
    }

    /// A text as it is, without zero bytes, which PostgreSQL cannot keep.
    pub fn text(&mut self, path: &str, text: &str) -> Option<String> {
        if text.contains('\0') {
            return self.refuse(Common::InvalidField, path, "must not hold a zero byte");
        }
        Some(text.to_owned())
    }

    /// A text in one line, without blanks around it, of which something is left.
    pub fn required_text(&mut self, path: &str, text: &str) -> Option<String> {
        if text.is_empty() {
            return self.refuse(Common::InvalidField, path, "is required");
        }
        // Real titles hold characters of the second control block (C1), left from a wrong encoding.
        let seen: String =
            text.chars().filter(|own| !('\u{80}'..='\u{9f}').contains(own)).collect();
        match name::clean(&seen) {
            Ok(_) => self.text(path, text.trim()),
            Err(error) => self.refuse(Common::InvalidField, path, error.to_string()),
        }
    }

    /// A name, key or option: without blanks around it, and all of it can be seen.
    pub fn name(&mut self, path: &str, text: &str) -> Option<String> {
        if text.is_empty() {
            return self.refuse(Common::InvalidField, path, "is required");
        }
        match name::clean(text) {
            Ok(name) => Some(name.to_owned()),
            Err(error) => self.refuse(Common::InvalidField, path, error.to_string()),
        }
    }

    /// The same, or none where it is empty.
    pub fn optional_name(&mut self, path: &str, text: &str) -> Option<Option<String>> {
        if text.is_empty() { Some(None) } else { self.name(path, text).map(Some) }
    }

    /// A name as it is compared, or none where it is empty: for what is only ever compared.
    pub fn folded_name(&mut self, path: &str, text: &str) -> Option<Option<String>> {
        let name = self.optional_name(path, text)?;
        Some(name.map(|name| name::fold(&name)))
    }

    /// Names in their order.
    pub fn names<L: FromIterator<String>>(&mut self, path: &str, texts: &[String]) -> Option<L> {
        self.each(path, texts, |fields, text| fields.name("", text))
    }

    /// Texts in their order.
    pub fn texts<L: FromIterator<String>>(&mut self, path: &str, texts: &[String]) -> Option<L> {
        self.each(path, texts, |fields, text| fields.text("", text))
    }

    /// A currency by its code.
    pub fn currency(&mut self, path: &str, code: &str) -> Option<Currency> {
        match Currency::parse(code) {
            Ok(currency) => Some(currency),
            Err(error) => self.refuse(Common::UnknownCurrency, path, error.to_string()),
        }
    }

    /// An amount of money that must be there.
    pub fn money(&mut self, path: &str, message: Option<&MoneyMessage>) -> Option<Money> {
        self.message(path, message, |fields, message| {
            let currency = fields.currency("currency_code", &message.currency_code);
            // An amount that was left out is not 0: it would make an item free.
            let minor = fields.required("minor_units", message.minor_units.as_ref()).copied();
            Some(Money::new(minor?, currency?))
        })
    }

    /// An amount of money, if there is one.
    pub fn optional_money(
        &mut self,
        path: &str,
        message: Option<&MoneyMessage>,
    ) -> Option<Option<Money>> {
        if message.is_none() { Some(None) } else { self.money(path, message).map(Some) }
    }

    /// An instant that must be there, cut to microseconds: what is finer would come back from the database changed.
    pub fn instant(&mut self, path: &str, message: Option<&Timestamp>) -> Option<DateTime<Utc>> {
        /// 0001-01-01 and the first second after 9999-12-31, between which protobuf's timestamps lie.
        const SECONDS: std::ops::Range<i64> = -62_135_596_800..253_402_300_800;
        let message = self.required(path, message)?;
        let nanos = u32::try_from(message.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
        let at = nanos
            .filter(|_| SECONDS.contains(&message.seconds))
            .and_then(|nanos| DateTime::from_timestamp(message.seconds, nanos / 1000 * 1000));
        match at {
            Some(at) => Some(at),
            None => {
                let message = "must lie between 0001-01-01 and 9999-12-31, with nanos below 1e9";
                self.refuse(Common::InvalidField, path, message)
            }
        }
    }

    /// An instant, if there is one.
    pub fn optional_instant(
        &mut self,
        path: &str,
        message: Option<&Timestamp>,
    ) -> Option<Option<DateTime<Utc>>> {
        if message.is_none() { Some(None) } else { self.instant(path, message).map(Some) }
    }

    /// The window between two fields. An empty one is refused for `reason` at the field of its end.
    pub fn window(
        &mut self,
        (from_path, from): (&str, Option<&Timestamp>),
        (until_path, until): (&str, Option<&Timestamp>),
        reason: impl Reason,
    ) -> Option<Window> {
        let from = self.optional_instant(from_path, from);
        let until = self.optional_instant(until_path, until);
        match Window::try_new(from?, until?) {
            Ok(window) => Some(window),
            Err(error) => self.refuse(reason, until_path, error.to_string()),
        }
    }

    /// The fields of `allowed` that an update names (AIP-134); `*` names all of them. Refused with FIELD_MASK_INVALID where the
    /// mask is absent, empty, or names something else.
    pub fn mask(
        &mut self,
        path: &str,
        mask: Option<&FieldMask>,
        allowed: &[&'static str],
    ) -> Option<Vec<&'static str>> {
        let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
        let can = || format!("can be updated: {}", allowed.join(", "));
        if paths.is_empty() {
            let message = format!("must name at least one field; {}", can());
            return self.refuse(Common::FieldMaskInvalid, path, message);
        }
        if paths == ["*"] {
            return Some(allowed.to_vec());
        }
        match paths.iter().find(|path| !allowed.contains(&path.as_str())) {
            Some(unknown) => {
                let message = format!("{unknown:?} cannot be updated; {}", can());
                let fault = Fault::field(Common::FieldMaskInvalid, path, message);
                self.take(Err(fault.with("path", unknown)))
            }
            None => {
                let named = allowed.iter().filter(|own| paths.iter().any(|path| path == *own));
                Some(named.copied().collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::read;
    use chrono::DateTime;
    use fault::{Common, Fault};
    use prost_types::{FieldMask, Timestamp};

    #[test]
    fn instants_are_cut_to_what_the_database_keeps() {
        let at = Timestamp { seconds: 5, nanos: 1_999 };
        let read = read(|fields| fields.instant("at", Some(&at))).unwrap();
        assert_eq!(Some(read), DateTime::from_timestamp(5, 1_000));
    }

    #[test]
    fn instants_that_protobuf_does_not_know_are_refused() {
        let at = |seconds, nanos| Timestamp { seconds, nanos };
        for wrong in [at(0, -1), at(0, 1_000_000_000), at(253_402_300_800, 0), at(i64::MIN, 0)] {
            let fault = read(|fields| fields.instant("from", Some(&wrong))).unwrap_err();
            assert_eq!(fault.violations()[0].field, "from");
        }
    }

    #[test]
    fn a_window_is_refused_for_the_reason_and_at_the_field_of_its_end() {
        let at = |seconds| Timestamp { seconds, nanos: 0 };
        let window = |from, until| {
            read(|fields| {
                let (from, until) = (("from", Some(&from)), ("until", Some(&until)));
                fields.window(from, until, Common::InvalidField)
            })
        };
        assert!(window(at(1), at(2)).unwrap().is_dated());
        let fault = window(at(2), at(2)).unwrap_err();
        assert_eq!(fault.violations()[0].field, "until");
    }

    fn mask(paths: &[&str]) -> Result<Vec<&'static str>, Fault> {
        let paths = paths.iter().map(ToString::to_string).collect();
        read(|fields| fields.mask("update_mask", Some(&FieldMask { paths }), &["title", "status"]))
    }

    #[test]
    fn a_mask_names_fields_in_their_own_order() {
        assert_eq!(mask(&["title"]).unwrap(), ["title"]);
        assert_eq!(mask(&["status", "title"]).unwrap(), ["title", "status"]);
        assert_eq!(mask(&["*"]).unwrap(), ["title", "status"]);
    }

    #[test]
    fn a_mask_with_an_unknown_field_is_refused_with_the_known_ones() {
        let fault = mask(&["title", "titel"]).unwrap_err();
        assert!(fault.is(Common::FieldMaskInvalid));
        assert_eq!(fault.metadata()["path"], "titel");
        assert!(
            fault.message().ends_with("\"titel\" cannot be updated; can be updated: title, status")
        );
        assert!(mask(&[]).unwrap_err().is(Common::FieldMaskInvalid));
    }
}
