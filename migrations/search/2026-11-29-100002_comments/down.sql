comment on column documents.product_id is null;
comment on column index_life.one is null;
comment on column index_life.epoch is null;
comment on column replicas.replica_id is null;
comment on column replicas.revision is null;
comment on column replicas.documents is null;
comment on column replicas.seen_at is null;
