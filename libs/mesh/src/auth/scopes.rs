//! The scopes of tokens.

/// The scope with which a service may call on behalf of users.
pub const ACT_AS: &str = "mesh:act-as";

/// Every scope of the contract: the development stack gives them to its services, together with [`ACT_AS`], and to the user of `souk token`.
pub fn all_scopes() -> Vec<&'static str> {
    let mut scopes: Vec<&str> =
        contracts::methods().iter().flat_map(|method| method.scopes.iter().copied()).collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}
