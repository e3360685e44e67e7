drop index entries_warehouse;
alter table entries drop column warehouse_id;
delete from entries where section in ('stock', 'warehouse');
alter table entries drop constraint entries_section_check;
alter table entries add constraint entries_section_check check (section in
    ('product', 'variant', 'price', 'category', 'brand', 'attribute'));
comment on column index_life.shared is 'Raised with every change of a brand, category or attribute, so that a follower knows when to read them again.';
