-- Every aggregate has the same head.
alter table attributes add column deleted_at timestamptz;
comment on column attributes.deleted_at is 'When it was deleted, if it is; so far definitions are never deleted.';
