-- A deleted item has no prices, and gets none.
alter table items add column deleted_at timestamptz;
comment on column items.deleted_at is 'When the catalogue deleted it; null: it has not. SKUs and ids are not used again.';
comment on table items is 'Items that the catalogue said exist, or that it deleted. What they stand for never changes, so it is asked once.';

-- A window can change, so a deleted price must not stand in the way of another that takes its key. Its id makes it unique.
drop index prices_natural_key;
create unique index prices_natural_key on prices (
    item, level, currency,
    coalesce(customer_id, ''), coalesce(customer_group, ''), coalesce(warehouse_id, ''), coalesce(channel, ''), coalesce(country, ''),
    coalesce(valid_from, '-infinity'), coalesce(valid_until, 'infinity'),
    (case when deleted_at is not null then price_id end)
) nulls not distinct;
