-- Keys of products are left as they are compared.
drop index categories_key_key;
create unique index categories_key_key on categories (key) where deleted_at is null;
alter table categories drop column key_folded;
comment on column product_keys.key is 'The key.';
comment on column brands.name_folded is 'The name in lower case, by Unicode and not by the locale of the server.';
