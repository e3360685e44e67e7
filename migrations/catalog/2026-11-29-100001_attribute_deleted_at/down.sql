alter table attributes drop column deleted_at;
