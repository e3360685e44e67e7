//! The contract as data: everything that the generated crates in this process register.

use crate::event::EventInfo;
use crate::policy::Policy;
use crate::reason::ReasonInfo;
use std::sync::LazyLock;

/// What one generated crate holds. It registers itself by being linked.
#[derive(Debug)]
pub struct Api {
    /// Its methods.
    pub methods: &'static [Policy],
    /// Its events.
    pub events: &'static [EventInfo],
    /// Its reasons.
    pub reasons: &'static [ReasonInfo],
    /// The encoded `google.protobuf.FileDescriptorSet` of its files, with custom options and comments.
    pub descriptors: &'static [u8],
}

inventory::collect!(Api);

fn all() -> impl Iterator<Item = &'static Api> {
    inventory::iter::<Api>.into_iter()
}

/// Every method, sorted by path.
pub fn methods() -> &'static [&'static Policy] {
    static METHODS: LazyLock<Vec<&Policy>> = LazyLock::new(|| {
        let mut methods: Vec<_> = all().flat_map(|api| api.methods).collect();
        methods.sort_by_key(|method| method.path);
        methods
    });
    &METHODS
}

/// The policy of a method; none if the contract has no method with this path.
pub fn policy(path: &str) -> Option<&'static Policy> {
    let methods = methods();
    methods.binary_search_by(|method| method.path.cmp(path)).ok().map(|at| methods[at])
}

/// Every event, sorted by subject.
pub fn events() -> &'static [&'static EventInfo] {
    static EVENTS: LazyLock<Vec<&EventInfo>> = LazyLock::new(|| {
        let mut events: Vec<_> = all().flat_map(|api| api.events).collect();
        events.sort_by_key(|event| event.subject);
        events
    });
    &EVENTS
}

/// The event of a subject; none if the contract has no event with it.
pub fn event(subject: &str) -> Option<&'static EventInfo> {
    let events = events();
    events.binary_search_by(|event| event.subject.cmp(subject)).ok().map(|at| events[at])
}

/// Every reason, sorted by domain, within a domain as declared.
pub fn reasons() -> &'static [&'static ReasonInfo] {
    static REASONS: LazyLock<Vec<&ReasonInfo>> = LazyLock::new(|| {
        let mut reasons: Vec<_> = all().flat_map(|api| api.reasons).collect();
        reasons.sort_by_key(|reason| reason.domain);
        reasons
    });
    &REASONS
}

/// The encoded `google.protobuf.FileDescriptorSet` of all files, with custom options and comments.
pub fn descriptors() -> &'static [u8] {
    // The encoding of a message with one repeated field: the sets one after another are one set.
    static DESCRIPTORS: LazyLock<Vec<u8>> =
        LazyLock::new(|| all().flat_map(|api| api.descriptors).copied().collect());
    &DESCRIPTORS
}
