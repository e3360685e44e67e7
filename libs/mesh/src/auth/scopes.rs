//! The scopes of tokens.

/// The scope with which a service may call on behalf of users.
pub const ACT_AS: &str = "mesh:act-as";

/// The scope that reflection asks for where it is not open to everybody.
pub const REFLECT: &str = "mesh:reflect";

/// Every scope of the contract, and [`REFLECT`]: the development stack gives them to its services, together with [`ACT_AS`], and to the user of `souk token`.
pub fn all_scopes() -> Vec<&'static str> {
    let mut scopes: Vec<&str> =
        contracts::methods().iter().flat_map(|method| method.scopes.iter().copied()).collect();
    scopes.push(REFLECT);
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}
