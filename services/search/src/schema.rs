// The tables of search, as `migrations/search` makes them.

diesel::table! {
    documents (product_id) {
        product_id -> Uuid,
        known -> Bool,
        shown -> Bool,
        revision -> Int8,
        brand_id -> Nullable<Uuid>,
        category_ids -> Array<Uuid>,
    }
}

diesel::table! {
    entries (section, source_id) {
        section -> Text,
        source_id -> Uuid,
        version -> Int8,
        product_id -> Nullable<Uuid>,
        body -> Nullable<Bytea>,
    }
}

diesel::table! {
    index_life (one) {
        one -> Bool,
        epoch -> Int8,
        shared -> Int8,
    }
}

diesel::table! {
    replicas (replica_id) {
        replica_id -> Uuid,
        revision -> Int8,
        documents -> Int8,
        reindex_id -> Nullable<Uuid>,
        seen_at -> Timestamptz,
    }
}
