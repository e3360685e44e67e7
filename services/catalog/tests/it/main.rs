//! Catalog against a real PostgreSQL: every RPC, also with concurrent calls.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

mod events {
    //! What product pages show of other services.
    mod display;
}

mod kept;
mod shop;

mod rpc {
    //! One file for each RPC.
    mod batch_get_products;
    mod create_product;
    mod delete_product;
    mod get_product;
    mod list_products;
    mod update_product;

    mod create_variant;
    mod delete_variant;
    mod get_variant;
    mod list_variants;
    mod update_variant;

    mod create_category;
    mod delete_category;
    mod get_category;
    mod list_categories;
    mod update_category;

    mod create_brand;
    mod delete_brand;
    mod get_brand;
    mod list_brands;
    mod update_brand;

    mod define_attribute;
    mod delete_attribute;
    mod list_attributes;

    mod import_products;
    mod rename_attribute_value;
    mod republish;
    mod resolve_items;
}
