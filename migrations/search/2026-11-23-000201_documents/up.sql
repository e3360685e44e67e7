-- The documents that search serves, as entries of their sources. Any index is a copy of this.

create sequence document_revision;
comment on sequence document_revision is 'Revisions, handed out under one lock just before commit: a follower that reads upwards skips none.';

create table documents (
    product_id   uuid    primary key,
    known        boolean not null default false,
    shown        boolean not null default false,
    revision     bigint  not null default 0,
    brand_id     uuid,
    category_ids uuid[]  not null default '{}'
);
create unique index documents_revision on documents (revision) where revision > 0;
create index documents_brand on documents (brand_id);
create index documents_categories on documents using gin (category_ids);
comment on table documents is 'One row for each product that search has heard of; whoever changes entries of a product locks its row first.';
comment on column documents.known is 'True once the product itself has come; until then events about it are kept.';
comment on column documents.shown is 'True while customers may find the product, so that the index must hold it.';
comment on column documents.revision is 'Raised with every change of the document; 0: nothing to index yet.';
comment on column documents.brand_id is 'Brand of the product, to find the documents that a renamed brand touches.';
comment on column documents.category_ids is 'Direct categories of the product, to find the documents that a moved category touches.';

create table entries (
    section    text   not null check (section in ('product', 'variant', 'price', 'category', 'brand', 'attribute')),
    source_id  uuid   not null,
    version    bigint not null,
    product_id uuid   references documents,
    body       bytea,
    primary key (section, source_id)
);
create index entries_product on entries (product_id) where product_id is not null;
comment on table entries is 'The last state of every source aggregate, written only by a newer version of it.';
comment on column entries.section is 'Type of the source.';
comment on column entries.source_id is 'Id of the source at its owner.';
comment on column entries.version is 'Version of the source.';
comment on column entries.product_id is 'Product whose document it belongs to; null for what many documents share.';
comment on column entries.body is 'The public message of the source as its owner said it; null: it has been deleted.';

create table index_life (
    one    boolean primary key default true check (one),
    epoch  bigint  not null,
    shared bigint  not null default 0
);
insert into index_life (epoch) values ((extract(epoch from clock_timestamp()) * 1000)::bigint);
comment on table index_life is 'Which life of these tables it is: an index of an earlier one is worth nothing.';

comment on column index_life.shared is 'Raised with every change of a brand, category or attribute, so that a follower knows when to read them again.';

create table replicas (
    replica_id uuid        primary key,
    revision   bigint      not null,
    documents  bigint      not null,
    reindex_id uuid,
    seen_at    timestamptz not null
);
comment on table replicas is 'Every process that serves searches, and how far its index is.';
comment on column replicas.reindex_id is 'Last reindexing that the replica has done.';
