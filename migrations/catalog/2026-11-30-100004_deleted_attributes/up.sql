-- A definition can be deleted once nothing has a value, and its code defined anew.
alter table attributes drop constraint attributes_code_kind_key;
create unique index attributes_code_kind_key on attributes (code, kind) where deleted_at is null;
comment on table attributes is 'Definitions of attributes. They are deleted only when nothing has a value, so values refer to them without a foreign key.';
comment on column attributes.deleted_at is 'When it was deleted; null while it exists.';
