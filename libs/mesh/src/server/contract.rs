use super::answer::method_unknown;
use contracts::Policy;
use fault::Fault;

/// The method's policy; METHOD_UNKNOWN for what the contract does not name.
pub(super) fn policy(path: &str) -> Result<&'static Policy, Fault> {
    contracts::policy(path).ok_or_else(method_unknown)
}
