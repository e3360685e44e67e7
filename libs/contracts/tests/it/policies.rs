//! Policies of methods.

use catalog_api as _;
use contracts::{Idempotency, Policy, methods, policy};
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

#[test]
fn a_burst_is_a_quarter_of_a_minutes_calls_unless_the_contract_names_it() {
    let get = *policy("/souk.pricing.v1.PricingService/GetPrice").unwrap();
    let left_out = Policy { burst: None, ..get };
    assert_eq!([60_000, 4, 3, 1].map(|calls| left_out.burst_of(calls)), [15_000, 1, 1, 1]);
    let named = Policy { burst: Some(100), ..get };
    assert_eq!([60_000, 100, 30].map(|calls| named.burst_of(calls)), [100, 100, 30]);
}
