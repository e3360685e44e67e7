drop index attributes_code_kind_key;
alter table attributes add constraint attributes_code_kind_key unique (code, kind);
comment on table attributes is 'Definitions of attributes. They are never deleted, so values refer to them without a foreign key.';
comment on column attributes.deleted_at is 'When it was deleted, if it is; so far definitions are never deleted.';
