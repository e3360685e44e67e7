-- What a product page shows besides the catalogue's own: copies of the prices and of the stock that their owners publish.

create table display_warehouses (
    warehouse_id uuid    primary key,
    ships        boolean not null
);
comment on table display_warehouses is 'Warehouses: a copy. One that was deleted does not ship.';
comment on column display_warehouses.warehouse_id is 'The warehouse.';
comment on column display_warehouses.ships is 'Whether its stock is for sale.';

create table display_levels (
    stock_id      uuid   primary key,
    product_id    uuid   not null,
    variant_id    uuid   not null,
    warehouse_id  uuid   not null,
    available     bigint not null,
    backorderable bigint not null,
    status        text   not null
) with (fillfactor = 80);
create index display_levels_product on display_levels (product_id);
create index display_levels_warehouse on display_levels (warehouse_id);
comment on table display_levels is 'Stock of variants in warehouses: a copy.';
comment on column display_levels.stock_id is 'The level.';
comment on column display_levels.product_id is 'The product of the variant.';
comment on column display_levels.variant_id is 'The variant.';
comment on column display_levels.warehouse_id is 'The warehouse.';
comment on column display_levels.available is 'Units that can be bought and shipped now.';
comment on column display_levels.backorderable is 'Units that can be bought although they are not there yet.';
comment on column display_levels.status is 'Status of the level, as in StockStatus, in lower case.';

create table display_prices (
    price_id   uuid  primary key,
    product_id uuid  not null,
    body       bytea not null
);
create index display_prices_product on display_prices (product_id);
comment on table display_prices is 'Prices that are for anybody: a copy.';
comment on column display_prices.price_id is 'The price.';
comment on column display_prices.product_id is 'The product that it is for, or whose variant it is for.';
comment on column display_prices.body is 'The price as souk.pricing.v1.Price.';

create table product_stock (
    id         uuid        primary key,
    status     text        not null,
    previous   text        not null,
    total      bigint      not null,
    threshold  bigint      not null,
    version    bigint      not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz check (deleted_at is null)
);
comment on table product_stock is 'Stock status of products as of the last time that it changed.';
comment on column product_stock.id is 'The product.';
comment on column product_stock.status is 'Status.';
comment on column product_stock.previous is 'Status before; empty: there was none.';
comment on column product_stock.total is 'Units available of all its variants, when the status changed.';
comment on column product_stock.threshold is 'Units at or below which it was low.';
comment on column product_stock.version is 'Raised by one with every change, from 1.';
comment on column product_stock.created_at is 'When there was a status first.';
comment on column product_stock.updated_at is 'When it last changed.';
comment on column product_stock.deleted_at is 'Always null.';

create table stock_due (
    product_id uuid primary key
);
comment on table stock_due is 'Products whose stock may have another status now; jobs/keep_stock_status looks.';
comment on column stock_due.product_id is 'The product.';

alter table products drop constraint products_status_check;
alter table products add constraint products_status_check check (status in ('draft', 'active', 'archived', 'inactive'));
