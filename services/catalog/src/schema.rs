// The tables of this service, as `migrations/catalog` makes them; a test compares the two.

diesel::table! {
    attributes (id) {
        id -> Uuid,
        code -> Text,
        kind -> Text,
        #[sql_name = "type"]
        type_ -> Text,
        name -> Text,
        unit -> Text,
        allowed_values -> Jsonb,
        variant_defining -> Bool,
        filterable -> Bool,
        facetable -> Bool,
        searchable -> Bool,
        sortable -> Bool,
        show_in_card -> Bool,
        rule_min -> Nullable<Float8>,
        rule_max -> Nullable<Float8>,
        rule_pattern -> Text,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    brands (id) {
        id -> Uuid,
        name -> Text,
        name_folded -> Text,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    categories (id) {
        id -> Uuid,
        parent_id -> Nullable<Uuid>,
        key -> Text,
        name -> Text,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    products (id) {
        id -> Uuid,
        key -> Nullable<Text>,
        title -> Text,
        description -> Text,
        brand_id -> Nullable<Uuid>,
        status -> Text,
        specifications -> Jsonb,
        marketing_content -> Jsonb,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    product_keys (key) {
        key -> Text,
        product_id -> Uuid,
    }
}

diesel::table! {
    product_categories (category_id, product_id) {
        category_id -> Uuid,
        product_id -> Uuid,
    }
}

diesel::table! {
    variants (id) {
        id -> Uuid,
        product_id -> Uuid,
        sku -> Text,
        color -> Text,
        size -> Text,
        material -> Text,
        gender -> Text,
        age_group -> Text,
        weight_grams -> Int8,
        specifications -> Jsonb,
        marketing_content -> Jsonb,
        options_hash -> Bytea,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    product_attribute_values (owner_id, attribute_id) {
        owner_id -> Uuid,
        attribute_id -> Uuid,
        owner_type -> Text,
        text_value -> Nullable<Text>,
        number_value -> Nullable<Float8>,
        bool_value -> Nullable<Bool>,
        date_value -> Nullable<Date>,
        json_value -> Nullable<Jsonb>,
    }
}

diesel::table! {
    imports (id) {
        id -> Uuid,
        settings_digest -> Bytea,
        committed_sequence -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    import_chunks (import_id, sequence) {
        import_id -> Uuid,
        sequence -> Int8,
        digest -> Bytea,
        result -> Bytea,
    }
}
