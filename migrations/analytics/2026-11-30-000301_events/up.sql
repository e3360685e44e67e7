-- What happened, kept by day, and counters of it. Everything that one event changes is written in one transaction.

create table event_ids (
    event_id uuid primary key,
    day      date not null
);
create index event_ids_day on event_ids (day);
comment on table event_ids is 'Events that were counted. A table of its own because a unique key of a partitioned table would hold the day too, and the same id on another day is still the same event.';
comment on column event_ids.event_id is 'Id that the sender made.';
comment on column event_ids.day is 'Day of the event; the row goes with it.';

create table events (
    day          date        not null,
    event_id     uuid        not null,
    event_type   text        not null,
    occurred_at  timestamptz not null,
    received_at  timestamptz not null,
    source       text        not null check (source in ('service', 'browser', 'event')),
    session_id   text,
    customer_id  text,
    product_id   uuid,
    sku          text,
    order_id     text,
    order_status text,
    currency     text,
    total_minor  bigint      check (total_minor >= 0),
    search_term  text,
    page_path    text,
    properties   jsonb       not null default '{}',
    primary key (day, event_id),
    constraint events_total_has_currency check ((total_minor is null) = (currency is null))
) partition by range (day);
comment on table events is 'Every event that was counted, once. A partition for each day, dropped when the day is too old.';
comment on column events.day is 'Day of occurred_at in UTC.';
comment on column events.event_id is 'Id that the sender made.';
comment on column events.event_type is 'One of the 16 types, e.g. order_created.';
comment on column events.occurred_at is 'When it happened, by the sender.';
comment on column events.received_at is 'When it was counted.';
comment on column events.source is 'Who told of it: a service or a browser by a call, or an event of the mesh.';
comment on column events.session_id is 'Visit of a shop; null: none.';
comment on column events.customer_id is 'The customer; null: not known.';
comment on column events.product_id is 'The product that it is about; null: none.';
comment on column events.sku is 'The SKU that it is about; null: none.';
comment on column events.order_id is 'The order; null: none.';
comment on column events.order_status is 'Status of the order after it, e.g. confirmed; null: not told.';
comment on column events.currency is 'ISO 4217 code of total_minor and of the amounts of its items.';
comment on column events.total_minor is 'Total of the order in minor units; null: not told.';
comment on column events.search_term is 'What was searched for before, folded; null: nothing.';
comment on column events.page_path is 'Path of the page; null: none.';
comment on column events.properties is 'What else the sender wanted to keep: names and texts.';

create table event_items (
    day          date   not null,
    event_id     uuid   not null,
    position     int    not null,
    sku          text   not null,
    product_id   uuid   not null,
    quantity     bigint not null check (quantity >= 1),
    amount_minor bigint check (amount_minor >= 0),
    primary key (day, event_id, position)
) partition by range (day);
comment on table event_items is 'Lines of the orders that events are about.';
comment on column event_items.day is 'Day of the event.';
comment on column event_items.event_id is 'The event.';
comment on column event_items.position is 'Place in the order, from 0.';
comment on column event_items.sku is 'SKU of the variant.';
comment on column event_items.product_id is 'Product of the variant.';
comment on column event_items.quantity is 'How many.';
comment on column event_items.amount_minor is 'What all of them cost, in minor units of the currency of the event; null: not told.';

create table sessions (
    day        date        not null,
    session_id text        not null,
    first_at   timestamptz not null,
    last_at    timestamptz not null,
    events     bigint      not null,
    steps      int         not null default 0,
    primary key (day, session_id)
) partition by range (day);
comment on table sessions is 'Sessions of each day, so that each is counted once for each type of event.';
comment on column sessions.day is 'The day.';
comment on column sessions.session_id is 'Visit of a shop.';
comment on column sessions.first_at is 'Its first event of the day.';
comment on column sessions.last_at is 'Its last event of the day.';
comment on column sessions.events is 'How many events it had on the day.';
comment on column sessions.steps is 'What it was counted for: bit 0 for itself, bit n for the event type whose number in the contract is n.';

create table active_customers (
    day         date not null,
    customer_id text not null,
    primary key (day, customer_id)
) partition by range (day);
comment on table active_customers is 'Customers with an event on a day, so that each is counted once.';
comment on column active_customers.day is 'The day.';
comment on column active_customers.customer_id is 'The customer.';

-- Updates of counts touch no index, so room on the page keeps them cheap.
create table counters (
    dimension    text        not null collate "C" check (dimension in ('all', 'product', 'term', 'page', 'session', 'customer')),
    grain        text        not null collate "C" check (grain in ('minute', 'hour', 'day')),
    bucket       timestamptz not null,
    value        text        not null collate "C",
    event_type   text        not null collate "C",
    currency     text        not null collate "C",
    events       bigint      not null,
    units        bigint      not null,
    amount_minor bigint      not null,
    primary key (dimension, grain, bucket, value, event_type, currency)
) with (fillfactor = 70);
comment on table counters is 'What reports answer from.';
comment on column counters.dimension is 'What is counted: all events, those of a product, of a search term, of a page; sessions or customers with such an event.';
comment on column counters.grain is 'Length of the bucket. Minutes are kept for three days and of dimension all only; sessions and customers are counted by day.';
comment on column counters.bucket is 'When the bucket begins, in UTC.';
comment on column counters.value is 'Product, term or path; empty for the other dimensions.';
comment on column counters.event_type is 'Type of the events; any for sessions and customers whatever they did.';
comment on column counters.currency is 'ISO 4217 code of the amounts; empty where an event has none.';
comment on column counters.events is 'How many events; for the dimensions session and customer, how many of those.';
comment on column counters.units is 'Pieces in the orders; of dimension product only.';
comment on column counters.amount_minor is 'Sum of the totals, for dimension product of the lines, in minor units.';

create table refused_events (
    id        bigint      generated always as identity primary key,
    digest    bytea       not null unique,
    sender    text        not null,
    reason    text        not null,
    message   text        not null,
    fields    text[]      not null,
    body      bytea,
    times     bigint      not null default 1,
    first_at  timestamptz not null,
    last_at   timestamptz not null
);
create index refused_events_last on refused_events (last_at);
comment on table refused_events is 'Events that were refused, each once, for 14 days after it was sent last.';
comment on column refused_events.id is 'Order of the first refusals.';
comment on column refused_events.digest is 'SHA-256 of what was sent and why it was refused.';
comment on column refused_events.sender is 'Subject of the token with which it was sent first.';
comment on column refused_events.reason is 'Reason of the refusal.';
comment on column refused_events.message is 'What was wrong.';
comment on column refused_events.fields is 'Paths of the wrong fields.';
comment on column refused_events.body is 'The message TrackedEvent as it was sent; null: it was too large.';
comment on column refused_events.times is 'How often it was sent.';
comment on column refused_events.first_at is 'When it was refused first.';
comment on column refused_events.last_at is 'When it was refused last.';

-- A partition is attached rather than created in place: that does not wait for transactions that write other days. Both run as the owner
-- of the tables, whoever serves.
create function add_day(wanted date) returns void language plpgsql security definer set search_path = public, pg_temp as $$
declare
    parent text;
    part text;
begin
    -- The last one that is made: then nobody has to wait for the lock.
    if to_regclass('active_customers' || to_char(wanted, '_YYYYMMDD')) is not null then
        return;
    end if;
    perform pg_advisory_xact_lock(hashtext('analytics.days'));
    foreach parent in array array['events', 'event_items', 'sessions', 'active_customers'] loop
        part := parent || to_char(wanted, '_YYYYMMDD');
        if to_regclass(part) is null then
            execute format('create table %I (like %I including all)', part, parent);
            execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, part, wanted, wanted + 1);
        end if;
    end loop;
end $$;

create function drop_days_before(oldest date) returns int language plpgsql security definer set search_path = public, pg_temp as $$
declare
    part record;
    dropped int := 0;
begin
    perform pg_advisory_xact_lock(hashtext('analytics.days'));
    for part in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
        where p.relname in ('events', 'event_items', 'sessions', 'active_customers')
          and to_date(right(c.relname, 8), 'YYYYMMDD') < oldest
        order by c.relname
    loop
        execute format('drop table %I', part.relname);
        dropped := dropped + 1;
    end loop;
    return dropped;
end $$;
