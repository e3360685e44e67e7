use contracts::{Reason, Violations};
use fault::Fault;
use std::fmt::Display;

/// Reads a request, or refuses it with all its violations.
pub fn read<T>(read: impl FnOnce(&mut Fields) -> Option<T>) -> Result<T, Fault> {
    let mut fields = Fields::default();
    let value = read(&mut fields);
    fields.finish()?;
    value.ok_or_else(|| Fault::internal("a field was neither read nor refused"))
}

/// Collects what is wrong with a request, so that the refusal names all of it at once. The reason of the refusal is that of the
/// first field that is wrong.
#[derive(Debug, Default)]
pub struct Fields {
    /// Path of the message that is being read; empty at the request itself.
    path: String,
    first: Option<Fault>,
    violations: Violations,
}

impl Fields {
    /// Reads the message at `path`: its fields are named below it.
    pub fn within<T>(&mut self, path: impl Display, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.path.len();
        self.path = self.full(&path.to_string());
        let value = read(self);
        self.path.truncate(outer);
        value
    }

    /// Reads every message of a list, those behind a wrong one too.
    pub fn each<'m, M, T, L>(
        &mut self,
        path: &str,
        messages: &'m [M],
        mut read: impl FnMut(&mut Self, &'m M) -> Option<T>,
    ) -> Option<L>
    where
        L: FromIterator<T>,
    {
        let values: Vec<Option<T>> = messages
            .iter()
            .enumerate()
            .map(|(at, message)| {
                self.within(format_args!("{path}[{at}]"), |own| read(own, message))
            })
            .collect();
        values.into_iter().collect()
    }

    /// Notes that a field is wrong. An empty path is the message itself.
    pub fn note(&mut self, reason: impl Reason, path: impl Display, message: impl Into<String>) {
        self.refuse::<()>(reason, path, message);
    }

    /// [`Fields::note`], for a field that has no value then.
    pub fn refuse<T>(
        &mut self,
        reason: impl Reason,
        path: impl Display,
        message: impl Into<String>,
    ) -> Option<T> {
        self.add(Fault::field(reason, self.full(&path.to_string()), message))
    }

    /// The value, or notes why there is none; the fault's fields are named from the message that is being read.
    pub fn take<T, F: Into<Fault>>(&mut self, value: Result<T, F>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(fault) if self.path.is_empty() => self.add(fault.into()),
            Err(fault) => {
                let fault = fault.into().below(&self.path);
                self.add(fault)
            }
        }
    }

    /// Whether something was wrong.
    pub fn is_refused(&self) -> bool {
        self.first.is_some()
    }

    /// Refuses with all that was noted.
    pub fn finish(self) -> Result<(), Fault> {
        match self.first {
            None => Ok(()),
            Some(only) if self.violations.count() < 2 => Err(only),
            Some(first) => Err(first.violating_together(self.violations)),
        }
    }

    fn add<T>(&mut self, fault: Fault) -> Option<T> {
        self.violations.append(fault.violations());
        self.first.get_or_insert(fault);
        None
    }

    fn full(&self, field: &str) -> String {
        match (self.path.is_empty(), field.is_empty()) {
            (true, _) => field.to_owned(),
            (false, true) => self.path.clone(),
            (false, false) => format!("{}.{field}", self.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fault::Common;

    fn paths(fault: &Fault) -> Vec<&str> {
        fault.violations().iter().map(|found| found.field.as_str()).collect()
    }

    #[test]
    fn everything_wrong_is_named_with_its_full_path() {
        let lines = ["a\0", "b", ""];
        let fault = read(|fields| {
            let code = fields.currency("currency_code", "XXX");
            let lines: Option<Vec<String>> = fields.within("order", |fields| {
                fields.each("lines", &lines, |fields, line| fields.required_text("sku", line))
            });
            Some((code?, lines?))
        });
        let fault = fault.unwrap_err();
        assert_eq!(paths(&fault), ["currency_code", "order.lines[0].sku", "order.lines[2].sku"]);
        assert!(fault.is(Common::UnknownCurrency));
        assert!(fault.message().contains("order.lines[2].sku: is required"), "{fault}");
    }

    #[test]
    fn a_refusal_of_the_domain_is_named_below_its_message() {
        let taken = || Fault::field(Common::InvalidField, "sku", "is taken").with("sku", "A-1");
        let fault = read(|fields| {
            fields.within("variants[2]", |fields| fields.take::<(), Fault>(Err(taken())))
        });
        let fault = fault.unwrap_err();
        assert_eq!(paths(&fault), ["variants[2].sku"]);
        assert_eq!(fault.message(), "variants[2].sku: is taken");
        assert_eq!(fault.metadata()["sku"], "A-1");
        assert_eq!(read(|_| Some(7)).unwrap(), 7);
    }
}
