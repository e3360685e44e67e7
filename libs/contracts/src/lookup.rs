use crate::policy::Policy;
use crate::tables::METHODS;

/// The policy of a method, or none if the contract has no method with this path.
pub fn policy(path: &str) -> Option<&'static Policy> {
    METHODS.binary_search_by(|method| method.path.cmp(path)).ok().and_then(|at| METHODS.get(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Idempotency;

    #[test]
    fn every_method_is_found_by_its_path() {
        assert!(!METHODS.is_empty());
        for method in METHODS {
            assert_eq!(policy(method.path).map(|found| found.path), Some(method.path));
        }
        assert!(policy("/souk.pricing.v1.PricingService/Nope").is_none());
    }

    #[test]
    fn reads_and_writes_require_different_scopes() {
        let set = policy("/souk.pricing.v1.PricingService/SetPrice").unwrap();
        assert_eq!(set.scopes, ["pricing:write"]);
        assert_eq!(set.idempotency, Idempotency::Idempotent);
        let get = policy("/souk.pricing.v1.PricingService/GetPrice").unwrap();
        assert_eq!(get.scopes, ["pricing:read"]);
        assert_eq!(get.idempotency, Idempotency::NoSideEffects);
    }
}
