-- Prices, and what pricing knows of the items that they are for.

create table prices (
    price_id       uuid        primary key,
    level          text        not null check (level in ('product', 'sku')),
    sku            text,
    product_id     uuid        not null,
    variant_id     uuid,
    item           text        not null generated always as (coalesce(sku, product_id::text)) stored,
    currency       text        not null,
    customer_id    text        check (customer_id <> ''),
    customer_group text        check (customer_group <> ''),
    warehouse_id   text        check (warehouse_id <> ''),
    channel        text        check (channel <> ''),
    country        text        check (country <> ''),
    valid_from     timestamptz,
    valid_until    timestamptz,
    base_minor     bigint      not null,
    sale_minor     bigint,
    version        bigint      not null check (version >= 1),
    deleted_at     timestamptz,
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    constraint prices_level_names_item check ((level = 'sku') = (sku is not null) and (level = 'sku') = (variant_id is not null)),
    constraint prices_base_not_negative check (base_minor >= 0),
    constraint prices_sale_within_base check (sale_minor between 0 and base_minor),
    constraint prices_window_not_empty check (valid_from < valid_until)
);

-- Deleted prices stay in it: setting one again gives the old row its next version.
create unique index prices_natural_key on prices (
    item, level, currency,
    coalesce(customer_id, ''), coalesce(customer_group, ''), coalesce(warehouse_id, ''), coalesce(channel, ''), coalesce(country, ''),
    coalesce(valid_from, '-infinity'), coalesce(valid_until, 'infinity')
);

-- Only dated prices: two undated ones that overlap have the same natural key, so most prices cost no entry here. Dated and undated ones may
-- live side by side, since the dated one wins. Nulls never conflict, so they are coalesced. The hash comes first because a GiST of numbers
-- is twice as fast to fill as one of texts (measured, 50,000 rows); the item behind it keeps the constraint exact.
alter table prices add constraint prices_no_overlap exclude using gist (
    hashtextextended(item, 0) with =, item with =, level with =, currency with =,
    coalesce(customer_id, '') with =, coalesce(customer_group, '') with =, coalesce(warehouse_id, '') with =,
    coalesce(channel, '') with =, coalesce(country, '') with =,
    tstzrange(valid_from, valid_until, '[)') with &&
) where (deleted_at is null and (valid_from is not null or valid_until is not null));

comment on table prices is 'What an item costs, for whom, where and when. Written by store/prices.rs only, together with the event that says so.';
comment on column prices.price_id is 'UUIDv7 of the price; it stays the same when the price is deleted and set again.';
comment on column prices.level is 'What it is for: one SKU, or a product with all its SKUs.';
comment on column prices.sku is 'The SKU; null where it is for a product.';
comment on column prices.product_id is 'The product that it is for, or whose variant it is for.';
comment on column prices.variant_id is 'The variant behind the SKU; null where it is for a product.';
comment on column prices.item is 'SKU or product id: what the keys of this table begin with.';
comment on column prices.currency is 'ISO 4217 code of both amounts.';
comment on column prices.customer_id is 'The one customer that it is for; null: everyone.';
comment on column prices.customer_group is 'The customer group that it is for; null: everyone.';
comment on column prices.warehouse_id is 'The warehouse that delivers; null: any.';
comment on column prices.channel is 'The channel of the sale; null: any.';
comment on column prices.country is 'ISO 3166-1 alpha-2 code of the country of delivery; null: any.';
comment on column prices.valid_from is 'First instant at which it holds; null: always did.';
comment on column prices.valid_until is 'First instant at which it no longer holds; null: for ever.';
comment on column prices.base_minor is 'Base amount in minor units of the currency.';
comment on column prices.sale_minor is 'Sale amount, at most the base amount; null: no sale.';
comment on column prices.version is 'Raised by one with every change, deletion and new setting.';
comment on column prices.deleted_at is 'When it was deleted; null: it has not been.';
comment on column prices.created_at is 'When it was created.';
comment on column prices.updated_at is 'When it was last changed.';

create table items (
    level      text not null check (level in ('product', 'sku')),
    item       text not null,
    product_id uuid not null,
    variant_id uuid,
    primary key (item, level),
    constraint items_level_names_item check ((level = 'sku') = (variant_id is not null))
);
comment on table items is 'Items that the catalogue said exist. What they stand for never changes, so it is asked once.';
comment on column items.level is 'Whether the item is a SKU or a product.';
comment on column items.item is 'SKU or product id.';
comment on column items.product_id is 'The product, or the product of the SKU.';
comment on column items.variant_id is 'The variant behind the SKU; null for a product.';
