//! Warehouse against a real PostgreSQL, and in a mesh with the catalogue.
//!
//! Most tests start below the call to catalog: they store items directly, and the client has no server.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod shop;

mod rpc {
    //! One file for each RPC; those of warehouses and of stock share one.
    mod allocation;
    mod reservations;
    mod reserve;
    mod stock;
    mod timelines;
    mod warehouses;
}

mod events {
    //! What the catalogue, orders and fulfillments say.
    use catalog_api::v1::{CreateProductRequest, ProductDraft, Tier1Attributes, VariantDraft};

    mod catalogue;
    mod orders;

    /// A product with variants of these SKUs.
    pub(crate) fn product(skus: &[&str]) -> CreateProductRequest {
        let variant = |sku: &&str| VariantDraft {
            sku: (*sku).into(),
            tier1_attributes: Some(Tier1Attributes { color: (*sku).into(), ..Default::default() }),
            ..Default::default()
        };
        CreateProductRequest {
            product: Some(ProductDraft { title: "Phone".into(), ..Default::default() }),
            variants: skus.iter().map(variant).collect(),
            ..Default::default()
        }
    }
}

mod jobs {
    //! What runs by itself.
    mod background;
}

mod day;
mod history;
mod races;
