-- Stock and warehouses are sources of documents too.

alter table entries drop constraint entries_section_check;
alter table entries add constraint entries_section_check check (section in
    ('product', 'variant', 'price', 'stock', 'category', 'brand', 'attribute', 'warehouse'));

alter table entries add column warehouse_id uuid;
create index entries_warehouse on entries (warehouse_id) where warehouse_id is not null;
comment on column entries.warehouse_id is 'Of stock: where it is, to find the documents that a warehouse touches which ships no longer; null for everything else.';
comment on column index_life.shared is 'Raised with every change of a brand, category, attribute or warehouse, so that a follower knows when to read them again.';
