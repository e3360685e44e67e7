drop index prices_natural_key;
create unique index prices_natural_key on prices (
    item, level, currency,
    coalesce(customer_id, ''), coalesce(customer_group, ''), coalesce(warehouse_id, ''), coalesce(channel, ''), coalesce(country, ''),
    coalesce(valid_from, '-infinity'), coalesce(valid_until, 'infinity')
);
comment on table items is 'Items that the catalogue said exist. What they stand for never changes, so it is asked once.';
alter table items drop column deleted_at;
