//! Policies of methods.

use catalog_api as _;
use contracts::{Idempotency, methods, policy};
use pricing_api as _;

#[test]
fn every_method_is_found_by_its_path() {
    assert!(!methods().is_empty());
    for method in methods() {
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
