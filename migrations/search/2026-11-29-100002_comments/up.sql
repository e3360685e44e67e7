comment on column documents.product_id is 'The product that the document is of.';
comment on column index_life.one is 'Always true: the table has one row.';
comment on column index_life.epoch is 'Set when the tables are made: an index with another one was filled from other tables.';
comment on column replicas.replica_id is 'The process, which takes a new id each time it starts.';
comment on column replicas.revision is 'Up to which revision its index has the documents.';
comment on column replicas.documents is 'Documents in its index.';
comment on column replicas.seen_at is 'When it last reported.';
