-- What looks the same is the same: keys are unique on their folded form, as names of brands are. Two that differ by case alone would
-- violate the new index, so one of them is to be renamed before; the error names it.
alter table categories add column key_folded text;
update categories set key_folded = lower(upper(normalize(key, nfkc)));
alter table categories alter column key_folded set not null;
comment on column categories.key_folded is 'The key as it is compared: kernel::name::fold.';
drop index categories_key_key;
create unique index categories_key_key on categories (key_folded) where deleted_at is null;

update product_keys set key = lower(upper(normalize(key, nfkc))) where key <> lower(upper(normalize(key, nfkc)));
comment on column product_keys.key is 'The key as it is compared: kernel::name::fold.';

update brands set name_folded = lower(upper(normalize(name, nfkc))) where name_folded <> lower(upper(normalize(name, nfkc)));
comment on column brands.name_folded is 'The name as it is compared: kernel::name::fold.';
