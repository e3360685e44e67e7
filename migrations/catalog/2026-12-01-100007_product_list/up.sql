alter table products add column tags jsonb not null default '[]';
alter table products add column images jsonb not null default '[]';
comment on column products.tags is 'Tags in the order that they were given; JSON, because unnest flattens arrays of arrays.';
comment on column products.images is 'Images as [{"url", "alt"}], the one to show first at the beginning.';

-- What lists are filtered and sorted by. jobs/keep_list is the only writer.
create table product_list (
    product_id   uuid   primary key,
    title_key    text   collate "C" not null,
    brand_id     uuid,
    status       text   not null,
    category_ids uuid[] not null,
    terms        text[] collate "C" not null,
    next_edge    timestamptz
) with (fillfactor = 80);
create index product_list_title on product_list (title_key, product_id);
create index product_list_brand on product_list (brand_id, product_id);
create index product_list_categories on product_list using gin (category_ids);
create index product_list_terms on product_list using gin (terms);
create index product_list_next_edge on product_list (next_edge) where next_edge is not null;
comment on table product_list is 'Products as lists filter and sort them.';
comment on column product_list.product_id is 'The product.';
comment on column product_list.title_key is 'The first 100 characters of its title, folded.';
comment on column product_list.brand_id is 'Its brand; null: none.';
comment on column product_list.status is 'Whether customers see it.';
comment on column product_list.category_ids is 'Its categories, and all above them.';
comment on column product_list.terms is 'code=value of each attribute of the product and its variants, the value folded; longer ones than 200 characters are left out.';
comment on column product_list.next_edge is 'When its prices are to be looked at anew, since one begins or ends; null: never.';

create table product_list_prices (
    product_id uuid   not null references product_list on delete cascade,
    currency   text   not null,
    amount     bigint not null,
    primary key (product_id, currency)
);
create index product_list_prices_amount on product_list_prices (currency, amount, product_id);
comment on table product_list_prices is 'Unscoped price of the cheapest variant of products, as of the last look.';
comment on column product_list_prices.product_id is 'The product.';
comment on column product_list_prices.currency is 'Currency, ISO 4217.';
comment on column product_list_prices.amount is 'What is paid, in minor units.';

create table list_due (
    id         bigint      generated always as identity primary key,
    product_id uuid        not null,
    since      timestamptz not null default clock_timestamp()
);
comment on table list_due is 'Products that may have another place in lists now. A product may be there several times, so that no writer waits for another.';
comment on column list_due.id is 'Order of the entries.';
comment on column list_due.product_id is 'The product.';
comment on column list_due.since is 'When it was written.';
insert into list_due (product_id) select id from products where deleted_at is null order by id;
