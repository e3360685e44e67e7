-- Stock: where it is, what moved it, who holds it.

create table warehouses (
    id                  uuid             primary key,
    code                text             not null,
    code_folded         text             not null,
    name                text             not null,
    status              text             not null check (status in ('active', 'inactive')),
    street              text             not null,
    city                text             not null,
    postcode            text             not null,
    region              text             not null,
    country             text             not null,
    areas               jsonb            not null,
    channels            jsonb            not null,
    priority            integer          not null,
    shipment_cost_minor bigint           not null check (shipment_cost_minor >= 0),
    latitude            double precision,
    longitude           double precision,
    low_stock_threshold bigint           check (low_stock_threshold >= 0),
    version             bigint           not null,
    created_at          timestamptz      not null,
    updated_at          timestamptz      not null,
    deleted_at          timestamptz,
    constraint warehouses_whole_coordinates check ((latitude is null) = (longitude is null))
);
create unique index warehouses_code_key on warehouses (code_folded) where deleted_at is null;
comment on table warehouses is 'Places that stock is kept in and shipped from.';
comment on column warehouses.id is 'UUIDv7 of the warehouse.';
comment on column warehouses.code is 'Short code.';
comment on column warehouses.code_folded is 'The code as it is compared.';
comment on column warehouses.name is 'Name.';
comment on column warehouses.status is 'Whether it ships.';
comment on column warehouses.street is 'Street and number.';
comment on column warehouses.city is 'Place.';
comment on column warehouses.postcode is 'Postcode.';
comment on column warehouses.region is 'State or region.';
comment on column warehouses.country is 'ISO 3166-1 alpha-2 code; empty: not known.';
comment on column warehouses.areas is 'Where it ships to: [{country, postcode_prefixes}]; empty: everywhere.';
comment on column warehouses.channels is 'Channels that it serves, as they are compared; JSON, because unnest flattens arrays of arrays. Empty: all.';
comment on column warehouses.priority is 'The highest ships where nothing else decides.';
comment on column warehouses.shipment_cost_minor is 'Cost of one shipment, in minor units.';
comment on column warehouses.latitude is 'Degrees north; null: not known.';
comment on column warehouses.longitude is 'Degrees east; null: not known.';
comment on column warehouses.low_stock_threshold is 'Threshold of its levels where neither SKU nor category has one; null: the default.';
comment on column warehouses.version is 'Raised by one with every change, from 1.';
comment on column warehouses.created_at is 'When it was created.';
comment on column warehouses.updated_at is 'When it was last changed.';
comment on column warehouses.deleted_at is 'When it was deleted; null while it exists.';

create table items (
    sku        text        primary key,
    variant_id uuid        not null,
    product_id uuid        not null,
    deleted_at timestamptz
);
create index items_variant on items (variant_id);
create index items_product on items (product_id);
comment on table items is 'What the catalogue has: a copy of its variants, and what it answered before their events came.';
comment on column items.sku is 'SKU; it never changes and is never used again.';
comment on column items.variant_id is 'The variant behind it.';
comment on column items.product_id is 'The product of that.';
comment on column items.deleted_at is 'When the catalogue deleted it; null: it has not.';

create table products (
    product_id   uuid   primary key,
    category_ids uuid[] not null
);
comment on table products is 'Which categories products are filed under: a copy from the catalogue.';
comment on column products.product_id is 'The product.';
comment on column products.category_ids is 'Its categories.';

create table categories (
    category_id         uuid   primary key,
    parent_id           uuid,
    low_stock_threshold bigint
);
create index categories_parent on categories (parent_id);
comment on table categories is 'The tree of categories with its thresholds: a copy from the catalogue.';
comment on column categories.category_id is 'The category.';
comment on column categories.parent_id is 'The one above; null: at the top.';
comment on column categories.low_stock_threshold is 'Threshold of the products below it; null: as the one above says.';

create table sku_rules (
    sku                 text        primary key,
    low_stock_threshold bigint      check (low_stock_threshold >= 0),
    minimum             bigint      not null check (minimum >= 0),
    maximum             bigint      not null check (maximum >= 0),
    step                bigint      not null check (step >= 0),
    hold_seconds        integer     not null check (hold_seconds >= 0),
    updated_at          timestamptz not null
);
comment on table sku_rules is 'Rules for the sale of SKUs, in all warehouses.';
comment on column sku_rules.sku is 'SKU.';
comment on column sku_rules.low_stock_threshold is 'Threshold of its levels; null: as categories, warehouse and default say.';
comment on column sku_rules.minimum is 'Least that may be bought at once; 0: 1.';
comment on column sku_rules.maximum is 'Most that may be bought at once; 0: no limit.';
comment on column sku_rules.step is 'Step in which it is bought; 0: 1.';
comment on column sku_rules.hold_seconds is 'How long a cart holds it; 0: the default.';
comment on column sku_rules.updated_at is 'When they were last set.';

-- Room in each page lets an update stay in its page and out of the indexes: no index holds a quantity.
create table levels (
    id                 uuid        primary key,
    sku                text        not null,
    product_id         uuid        not null,
    variant_id         uuid        not null,
    warehouse_id       uuid        not null references warehouses,
    on_hand            bigint      not null check (on_hand >= 0),
    allocated          bigint      not null check (allocated >= 0),
    reserved           bigint      not null check (reserved >= 0),
    safety_stock       bigint      not null check (safety_stock >= 0),
    backorder_limit    bigint      not null check (backorder_limit >= 0),
    preorder_ships_at  timestamptz,
    threshold          bigint      not null check (threshold >= 0),
    status             text        not null,
    version            bigint      not null,
    created_at         timestamptz not null,
    updated_at         timestamptz not null,
    deleted_at         timestamptz check (deleted_at is null),
    constraint levels_sku_warehouse_key unique (sku, warehouse_id)
) with (fillfactor = 70);
create index levels_warehouse on levels (warehouse_id, id);
create index levels_status on levels (status, id) where status <> 'in_stock';
comment on table levels is 'What there is of a SKU in a warehouse. Written by store/levels.rs only, together with the movements that explain it.';
comment on column levels.id is 'UUIDv7 of the level.';
comment on column levels.sku is 'SKU.';
comment on column levels.product_id is 'The product of the SKU.';
comment on column levels.variant_id is 'The variant behind the SKU.';
comment on column levels.warehouse_id is 'The warehouse.';
comment on column levels.on_hand is 'Units in the warehouse, whoever they are promised to.';
comment on column levels.allocated is 'Units that orders were promised and that have not been shipped.';
comment on column levels.reserved is 'Units that carts hold, those whose time is up included until somebody sweeps them.';
comment on column levels.safety_stock is 'Units that are never sold.';
comment on column levels.backorder_limit is 'Units that may be promised beyond what there is.';
comment on column levels.preorder_ships_at is 'When units that are sold before they are there will be shipped; null: they are not.';
comment on column levels.threshold is 'Available units at or below which stock is low.';
comment on column levels.status is 'Status for the shop as of the last change.';
comment on column levels.version is 'Raised with every change, from 1.';
comment on column levels.created_at is 'When it was created.';
comment on column levels.updated_at is 'When it was last changed.';
comment on column levels.deleted_at is 'Always null: a level is never deleted, since its movements stay.';

create table thresholds_due (
    sku text primary key
);
comment on table thresholds_due is 'SKUs whose levels may have another threshold now; jobs/keep_thresholds looks.';
comment on column thresholds_due.sku is 'SKU.';

create table incoming (
    stock_id    uuid        not null references levels,
    reference   text        not null,
    quantity    bigint      not null check (quantity > 0),
    expected_at timestamptz not null,
    primary key (stock_id, reference)
);
comment on table incoming is 'Units that are expected.';
comment on column incoming.stock_id is 'The level that they will come to.';
comment on column incoming.reference is 'What the caller knows them by.';
comment on column incoming.quantity is 'How many.';
comment on column incoming.expected_at is 'When they are expected.';

-- No foreign key to levels: they are never deleted, and each check would cost a lock on a row that is locked already.
create table movements (
    id                uuid        primary key,
    stock_id          uuid        not null,
    kind              text        not null check (kind in ('receive', 'reserve', 'release', 'allocate', 'deallocate', 'ship', 'return',
                                  'adjust', 'transfer_out', 'transfer_in', 'count', 'repair')),
    on_hand_change    bigint      not null,
    allocated_change  bigint      not null,
    reserved_change   bigint      not null,
    on_hand_after     bigint      not null check (on_hand_after >= 0),
    allocated_after   bigint      not null check (allocated_after >= 0),
    reserved_after    bigint      not null check (reserved_after >= 0),
    stock_version     bigint      not null,
    reservation_id    uuid,
    order_id          text,
    fulfillment_id    text,
    transfer_id       uuid,
    movement_key      text,
    note              text        not null,
    actor             text        not null,
    created_at        timestamptz not null
);
create index movements_stock on movements (stock_id, id);
create index movements_reservation on movements (reservation_id, id) where reservation_id is not null;
create index movements_order on movements (order_id, id) where order_id is not null;
create unique index movements_key on movements (movement_key) where movement_key is not null;
create index movements_time on movements using brin (created_at);
comment on table movements is 'The ledger: each change of stock. Rows are never changed; the sums of the changes are the levels.';
comment on column movements.id is 'UUIDv7 of the movement.';
comment on column movements.stock_id is 'The level that it changed.';
comment on column movements.kind is 'Kind, as in MovementKind, in lower case.';
comment on column movements.on_hand_change is 'What it added to on_hand.';
comment on column movements.allocated_change is 'What it added to allocated.';
comment on column movements.reserved_change is 'What it added to reserved.';
comment on column movements.on_hand_after is 'on_hand afterwards.';
comment on column movements.allocated_after is 'allocated afterwards.';
comment on column movements.reserved_after is 'reserved afterwards.';
comment on column movements.stock_version is 'Version of the level afterwards.';
comment on column movements.reservation_id is 'The reservation that it belongs to; null: none.';
comment on column movements.order_id is 'The order that it belongs to; null: none.';
comment on column movements.fulfillment_id is 'The fulfillment that it belongs to; null: none.';
comment on column movements.transfer_id is 'What the two movements of a transfer share; null: none.';
comment on column movements.movement_key is 'Key of the caller''s, once for ever; null: none.';
comment on column movements.note is 'Why, as the caller said.';
comment on column movements.actor is 'Subject of the caller''s token.';
comment on column movements.created_at is 'When.';

create table reservations (
    id                uuid        primary key,
    owner_id          text        not null,
    order_id          text,
    state             text        not null check (state in ('active', 'committed', 'fulfilled', 'released', 'expired', 'cancelled')),
    expires_at        timestamptz not null,
    payment_in_flight boolean     not null,
    version           bigint      not null,
    created_at        timestamptz not null,
    updated_at        timestamptz not null
) with (fillfactor = 80);
create index reservations_expiring on reservations (expires_at) where state = 'active';
create index reservations_order on reservations (order_id, id) where order_id is not null;
create index reservations_owner on reservations (owner_id, id);
comment on table reservations is 'Units that carts hold or orders were promised.';
comment on column reservations.id is 'UUIDv7 of the reservation.';
comment on column reservations.owner_id is 'Whose it is.';
comment on column reservations.order_id is 'Order that it was committed for; null: none yet.';
comment on column reservations.state is 'State as of the last change: a hold whose time is up is still active here until somebody notices.';
comment on column reservations.expires_at is 'When the hold ends.';
comment on column reservations.payment_in_flight is 'Whether it was prolonged for a payment.';
comment on column reservations.version is 'Raised by one with every change, from 1.';
comment on column reservations.created_at is 'When it was created.';
comment on column reservations.updated_at is 'When it was last changed.';

create table reservation_lines (
    reservation_id uuid        not null,
    stock_id       uuid        not null,
    position       integer     not null,
    quantity       bigint      not null check (quantity > 0),
    fulfilled      bigint      not null check (fulfilled >= 0),
    cancelled      bigint      not null check (cancelled >= 0),
    held           boolean     not null,
    expires_at     timestamptz not null,
    primary key (reservation_id, stock_id),
    constraint reservation_lines_open check (fulfilled + cancelled <= quantity)
) with (fillfactor = 80);
create index reservation_lines_held on reservation_lines (stock_id, expires_at) where held;
comment on table reservation_lines is 'The lines of reservations: units of one level. Written under the lock of the level.';
comment on column reservation_lines.reservation_id is 'The reservation.';
comment on column reservation_lines.stock_id is 'The level.';
comment on column reservation_lines.position is 'Place among the lines.';
comment on column reservation_lines.quantity is 'Units.';
comment on column reservation_lines.fulfilled is 'Units of them that were shipped.';
comment on column reservation_lines.cancelled is 'Units of them that were taken back.';
comment on column reservation_lines.held is 'Whether levels.reserved has the units.';
comment on column reservation_lines.expires_at is 'When the hold ends, as the reservation says.';

create table fulfillments (
    fulfillment_id text        not null,
    reservation_id uuid        not null references reservations,
    outcome        text        not null check (outcome in ('shipped', 'cancelled')),
    created_at     timestamptz not null,
    primary key (fulfillment_id, reservation_id)
);
comment on table fulfillments is 'Fulfillments that took effect on reservations: each does so once.';
comment on column fulfillments.fulfillment_id is 'The fulfillment.';
comment on column fulfillments.reservation_id is 'The reservation.';
comment on column fulfillments.outcome is 'Whether its units were shipped or taken back.';
comment on column fulfillments.created_at is 'When.';
