use contracts::Reason as _;
use contracts::{operations, types};
use tonic::Status;
use tonic_types::StatusExt;

/// Why a call was refused, in the words of the contract of who refused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// What every service refuses.
    Souk(types::v1::Reason),
    /// What catalog refuses.
    Catalog(catalog_api::v1::Reason),
    /// What pricing refuses.
    Pricing(pricing_api::v1::Reason),
    /// What search refuses.
    Search(search_api::v1::Reason),
    /// What warehouse refuses.
    Warehouse(warehouse_api::v1::Reason),
    /// What analytics refuses.
    Analytics(analytics_api::v1::Reason),
    /// What the operators' service refuses.
    Operations(operations::v1::Reason),
}

/// Why a call was refused.
pub trait Refusal {
    /// The reason; none where it was not given, as when a connection broke, or is newer than this program.
    ///
    /// ```
    /// use souk_client::{Reason, Refusal, catalog};
    ///
    /// fn is_taken(status: &tonic::Status) -> bool {
    ///     status.reason() == Some(Reason::Catalog(catalog::v1::Reason::SkuTaken))
    /// }
    /// assert!(!is_taken(&tonic::Status::already_exists("who knows why")));
    /// ```
    fn reason(&self) -> Option<Reason>;

    /// The fields of the request that are wrong: their paths, and what is wrong with each.
    fn fields(&self) -> Vec<(String, String)>;
}

impl Refusal for Status {
    fn reason(&self) -> Option<Reason> {
        let info = self.get_details_error_info()?;
        let name = format!("REASON_{}", info.reason);
        macro_rules! of {
            ($variant:ident, $reason:path) => {{
                use $reason as Reasons;
                if info.domain == Reasons::Unspecified.domain() {
                    return Reasons::from_str_name(&name).map(Reason::$variant);
                }
            }};
        }
        of!(Souk, types::v1::Reason);
        of!(Catalog, catalog_api::v1::Reason);
        of!(Pricing, pricing_api::v1::Reason);
        of!(Search, search_api::v1::Reason);
        of!(Warehouse, warehouse_api::v1::Reason);
        of!(Analytics, analytics_api::v1::Reason);
        of!(Operations, operations::v1::Reason);
        None
    }

    fn fields(&self) -> Vec<(String, String)> {
        let violations = self.get_details_bad_request().map(|request| request.field_violations);
        let violations = violations.unwrap_or_default().into_iter();
        violations.map(|found| (found.field, found.description)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;
    use tonic_types::ErrorDetails;

    fn refused(domain: &str, reason: &str) -> Status {
        let details = ErrorDetails::with_error_info(reason, domain, []);
        Status::with_error_details(Code::Unknown, "", details)
    }

    #[test]
    fn every_reason_of_the_contract_has_its_type() {
        assert!(contracts::reasons().len() > 20, "the contract is not linked");
        for known in contracts::reasons() {
            let reason = refused(known.domain, known.name).reason();
            let found = match reason.unwrap_or_else(|| panic!("{known:?}")) {
                Reason::Souk(reason) => (reason.domain(), reason.name()),
                Reason::Catalog(reason) => (reason.domain(), reason.name()),
                Reason::Pricing(reason) => (reason.domain(), reason.name()),
                Reason::Search(reason) => (reason.domain(), reason.name()),
                Reason::Warehouse(reason) => (reason.domain(), reason.name()),
                Reason::Analytics(reason) => (reason.domain(), reason.name()),
                Reason::Operations(reason) => (reason.domain(), reason.name()),
            };
            assert_eq!(found, (known.domain, known.name));
        }
    }

    #[test]
    fn what_this_program_does_not_know_has_none() {
        assert_eq!(refused("souk", "MADE_UP").reason(), None);
        assert_eq!(refused("made.up", "INTERNAL").reason(), None);
        assert_eq!(Status::unavailable("broken pipe").reason(), None);
    }
}
