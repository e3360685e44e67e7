// The shared tables that are queried with diesel's query builder; `migrations/shared` creates them.

diesel::table! {
    inbox (consumer, event_id) {
        consumer -> Text,
        event_id -> Uuid,
        subject -> Text,
        claimed_at -> Timestamptz,
    }
}

diesel::table! {
    early (consumer, event_id) {
        consumer -> Text,
        event_id -> Uuid,
        awaited -> Text,
        subject -> Text,
        headers -> Jsonb,
        payload -> Bytea,
        kept_at -> Timestamptz,
        arrived_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    request_replay (caller, request_id) {
        caller -> Text,
        request_id -> Uuid,
        method -> Text,
        digest -> Bytea,
        response -> Nullable<Bytea>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    operations (id) {
        id -> Uuid,
        kind -> Text,
        state -> Text,
        done -> Int8,
        total -> Int8,
        message -> Text,
        result -> Nullable<Bytea>,
        result_type -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        request -> Nullable<Bytea>,
        leased_until -> Nullable<Timestamptz>,
        leased_by -> Nullable<Uuid>,
    }
}
