// The tables of pricing, as `migrations/pricing` makes them.

diesel::table! {
    prices (price_id) {
        price_id -> Uuid,
        level -> Text,
        sku -> Nullable<Text>,
        product_id -> Uuid,
        variant_id -> Nullable<Uuid>,
        item -> Text,
        currency -> Text,
        customer_id -> Nullable<Text>,
        customer_group -> Nullable<Text>,
        warehouse_id -> Nullable<Text>,
        channel -> Nullable<Text>,
        country -> Nullable<Text>,
        valid_from -> Nullable<Timestamptz>,
        valid_until -> Nullable<Timestamptz>,
        base_minor -> Int8,
        sale_minor -> Nullable<Int8>,
        version -> Int8,
        deleted_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    items (item, level) {
        level -> Text,
        item -> Text,
        product_id -> Uuid,
        variant_id -> Nullable<Uuid>,
    }
}
