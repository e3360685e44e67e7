//! Update masks (AIP-134): which fields of an aggregate a request changes.

use fault::{Common, Fault};
use prost_types::FieldMask;

/// A mask that was checked against the fields that may be updated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    paths: Vec<String>,
}

impl Mask {
    /// Refuses with FIELD_MASK_INVALID when the mask is absent, empty, or names a field that is not in `allowed`. `*` means all of them.
    pub fn check(mask: Option<&FieldMask>, allowed: &[&str]) -> Result<Self, Fault> {
        let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
        let can = || format!("can be updated: {}", allowed.join(", "));
        if paths.is_empty() {
            let message = format!("must name at least one field; {}", can());
            return Err(Fault::field(Common::FieldMaskInvalid, "update_mask", message));
        }
        if paths == ["*"] {
            return Ok(Self { paths: allowed.iter().map(ToString::to_string).collect() });
        }
        match paths.iter().find(|path| !allowed.contains(&path.as_str())) {
            Some(path) => {
                let message = format!("{path:?} cannot be updated; {}", can());
                let fault = Fault::field(Common::FieldMaskInvalid, "update_mask", message);
                Err(fault.with("path", path))
            }
            None => Ok(Self { paths: paths.to_vec() }),
        }
    }

    /// Whether the field is to be changed.
    pub fn has(&self, path: &str) -> bool {
        self.paths.iter().any(|own| own == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(paths: &[&str]) -> Result<Mask, Fault> {
        let paths = paths.iter().map(ToString::to_string).collect();
        Mask::check(Some(&FieldMask { paths }), &["title", "status"])
    }

    #[test]
    fn a_mask_has_what_it_names() {
        let mask = check(&["title"]).unwrap();
        assert!(mask.has("title") && !mask.has("status"));
        assert!(check(&["*"]).unwrap().has("status"));
    }

    #[test]
    fn an_unknown_field_is_refused_with_the_known_ones() {
        let fault = check(&["title", "titel"]).unwrap_err();
        assert!(fault.is(Common::FieldMaskInvalid));
        assert_eq!(fault.metadata()["path"], "titel");
        assert!(
            fault.message().ends_with("\"titel\" cannot be updated; can be updated: title, status")
        );
    }

    #[test]
    fn an_empty_mask_changes_nothing_and_is_refused() {
        assert!(check(&[]).is_err());
        assert!(Mask::check(None, &["title"]).is_err());
    }
}
