//! The scopes that tokens hold.

/// The scope with which a service may call on behalf of users.
pub const ACT_AS: &str = "mesh:act-as";

/// Every scope of the contract: what the development stack's own services hold, together with [`ACT_AS`], and `souk token`'s user.
pub fn all_scopes() -> Vec<&'static str> {
    let mut scopes: Vec<&str> =
        contracts::METHODS.iter().flat_map(|method| method.scopes.iter().copied()).collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}
