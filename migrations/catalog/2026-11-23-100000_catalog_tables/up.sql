-- The catalogue. Ids are UUIDv7, so the order of a primary key is the order of creation. A deleted aggregate keeps its row
-- with the version of the deletion: nothing late resurrects it, and its SKU or key is never free again.

create table attributes (
    id               uuid             primary key,
    code             text             not null,
    kind             text             not null check (kind in ('text', 'number', 'bool', 'date', 'texts', 'money', 'localized', 'json')),
    type             text             not null,
    name             text             not null,
    unit             text             not null,
    allowed_values   jsonb            not null,
    variant_defining boolean          not null,
    filterable       boolean          not null,
    facetable        boolean          not null,
    searchable       boolean          not null,
    sortable         boolean          not null,
    show_in_card     boolean          not null,
    rule_min         double precision,
    rule_max         double precision,
    rule_pattern     text             not null,
    version          bigint           not null,
    created_at       timestamptz      not null,
    updated_at       timestamptz      not null,
    constraint attributes_code_kind_key unique (code, kind)
);
comment on table attributes is 'Definitions of attributes. They are never deleted, so values refer to them without a foreign key.';
comment on column attributes.id is 'UUIDv7 of the definition.';
comment on column attributes.code is 'Code that values name.';
comment on column attributes.kind is 'Kind of value that the type takes; the same code may be defined once for each kind.';
comment on column attributes.type is 'Type of its values, as in AttributeType, in lower case.';
comment on column attributes.name is 'Name as customers read it.';
comment on column attributes.unit is 'Unit of a measurement; empty for every other type.';
comment on column attributes.allowed_values is 'Texts that an enum or multi_enum may hold; JSON, because unnest flattens arrays of arrays.';
comment on column attributes.variant_defining is 'Variants of one product differ by it; part of variants.options_hash.';
comment on column attributes.filterable is 'Search may filter by it.';
comment on column attributes.facetable is 'Search may count it as a facet.';
comment on column attributes.searchable is 'Its text is searched.';
comment on column attributes.sortable is 'Listings may be sorted by it.';
comment on column attributes.show_in_card is 'Product cards show it.';
comment on column attributes.rule_min is 'Least number, or least length of a text.';
comment on column attributes.rule_max is 'Greatest number, or greatest length of a text.';
comment on column attributes.rule_pattern is 'Regular expression that a whole text must match; empty: none.';
comment on column attributes.version is 'Raised by one with every change, from 1.';
comment on column attributes.created_at is 'When it was defined.';
comment on column attributes.updated_at is 'When it was last changed.';

create table brands (
    id          uuid        primary key,
    name        text        not null,
    name_folded text        not null,
    version     bigint      not null,
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    deleted_at  timestamptz
);
create unique index brands_name_key on brands (name_folded) where deleted_at is null;
comment on table brands is 'Brands.';
comment on column brands.id is 'UUIDv7 of the brand.';
comment on column brands.name is 'Name as customers read it.';
comment on column brands.name_folded is 'The name in lower case, by Unicode and not by the locale of the server.';
comment on column brands.version is 'Raised by one with every change, from 1.';
comment on column brands.created_at is 'When it was created.';
comment on column brands.updated_at is 'When it was last changed.';
comment on column brands.deleted_at is 'When it was deleted; null while it exists.';

create table categories (
    id         uuid        primary key,
    parent_id  uuid        references categories,
    key        text        not null,
    name       text        not null,
    version    bigint      not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz
);
create unique index categories_key_key on categories (key) where deleted_at is null;
create index categories_parent on categories (parent_id, id) where deleted_at is null;
comment on table categories is 'The tree of categories. Its shape changes under one advisory lock, so no cycle can come of two moves.';
comment on column categories.id is 'UUIDv7 of the category.';
comment on column categories.parent_id is 'The category above; null: at the top.';
comment on column categories.key is 'Key, unique among categories that exist.';
comment on column categories.name is 'Name as customers read it.';
comment on column categories.version is 'Raised by one with every change, from 1.';
comment on column categories.created_at is 'When it was created.';
comment on column categories.updated_at is 'When it was last changed.';
comment on column categories.deleted_at is 'When it was deleted; null while it exists.';

create table products (
    id                uuid        primary key,
    key               text,
    title             text        not null,
    description       text        not null,
    brand_id          uuid        references brands,
    status            text        not null check (status in ('draft', 'active', 'archived')),
    specifications    jsonb       not null,
    marketing_content jsonb       not null,
    version           bigint      not null,
    created_at        timestamptz not null,
    updated_at        timestamptz not null,
    deleted_at        timestamptz
);
create index products_brand on products (brand_id, id) where deleted_at is null;
create index products_specifications on products using gin (specifications jsonb_path_ops);
create index products_marketing_content on products using gin (marketing_content jsonb_path_ops);
comment on table products is 'Products: what variants have in common.';
comment on column products.id is 'UUIDv7 of the product.';
comment on column products.key is 'Key that the caller gave; null: none. product_keys makes it unique.';
comment on column products.title is 'Title as customers read it.';
comment on column products.description is 'Description; may hold HTML.';
comment on column products.brand_id is 'Its brand; null: none.';
comment on column products.status is 'Whether customers see it.';
comment on column products.specifications is 'Tier 3: free technical data.';
comment on column products.marketing_content is 'Tier 3: free marketing texts and media.';
comment on column products.version is 'Raised by one with every change, from 1.';
comment on column products.created_at is 'When it was created.';
comment on column products.updated_at is 'When it was last changed.';
comment on column products.deleted_at is 'When it was deleted; null while it exists.';

create table product_keys (
    key        text primary key,
    product_id uuid not null references products
);
comment on table product_keys is 'Every key that a product ever had: no other product can have it.';
comment on column product_keys.key is 'The key.';
comment on column product_keys.product_id is 'The product that has it or had it.';

create table product_categories (
    category_id uuid not null references categories,
    product_id  uuid not null references products,
    primary key (category_id, product_id)
);
create index product_categories_product on product_categories (product_id, category_id);
comment on table product_categories is 'Which categories products that exist are filed under.';
comment on column product_categories.category_id is 'The category.';
comment on column product_categories.product_id is 'The product.';

create table variants (
    id                uuid        primary key,
    product_id        uuid        not null references products,
    sku               text        not null constraint variants_sku_key unique,
    color             text        not null,
    size              text        not null,
    material          text        not null,
    gender            text        not null,
    age_group         text        not null,
    weight_grams      bigint      not null,
    specifications    jsonb       not null,
    marketing_content jsonb       not null,
    options_hash      bytea       not null,
    version           bigint      not null,
    created_at        timestamptz not null,
    updated_at        timestamptz not null,
    deleted_at        timestamptz
);
create unique index variants_options_key on variants (product_id, options_hash) where deleted_at is null;
create index variants_product on variants (product_id, id) where deleted_at is null;
create index variants_color on variants (color) where color <> '';
create index variants_size on variants (size) where size <> '';
create index variants_material on variants (material) where material <> '';
create index variants_gender on variants (gender) where gender <> '';
create index variants_age_group on variants (age_group) where age_group <> '';
create index variants_weight_grams on variants (weight_grams) where weight_grams <> 0;
create index variants_specifications on variants using gin (specifications jsonb_path_ops);
create index variants_marketing_content on variants using gin (marketing_content jsonb_path_ops);
comment on table variants is 'Variants: what is bought, counted and priced.';
comment on column variants.id is 'UUIDv7 of the variant.';
comment on column variants.product_id is 'Its product; it never changes.';
comment on column variants.sku is 'Stock keeping unit, unique among all that ever existed.';
comment on column variants.color is 'Tier 1: color; empty: does not apply.';
comment on column variants.size is 'Tier 1: size; empty: does not apply.';
comment on column variants.material is 'Tier 1: material; empty: does not apply.';
comment on column variants.gender is 'Tier 1: gender; empty: does not apply.';
comment on column variants.age_group is 'Tier 1: age group; empty: does not apply.';
comment on column variants.weight_grams is 'Tier 1: weight in grams; 0: not known.';
comment on column variants.specifications is 'Tier 3: free technical data.';
comment on column variants.marketing_content is 'Tier 3: free marketing texts and media.';
comment on column variants.options_hash is 'SHA-256 of what variants of one product must differ by: color, size, material, gender, age group and the variant-defining attributes.';
comment on column variants.version is 'Raised by one with every change, from 1.';
comment on column variants.created_at is 'When it was created.';
comment on column variants.updated_at is 'When it was last changed.';
comment on column variants.deleted_at is 'When it was deleted; null while it exists.';

create table product_attribute_values (
    owner_id     uuid             not null,
    attribute_id uuid             not null,
    owner_type   text             not null check (owner_type in ('product', 'variant')),
    text_value   text,
    number_value double precision,
    bool_value   boolean,
    date_value   date,
    json_value   jsonb,
    primary key (owner_id, attribute_id),
    constraint product_attribute_values_one check (num_nonnulls(text_value, number_value, bool_value, date_value, json_value) = 1)
);
create index product_attribute_values_text on product_attribute_values (attribute_id, left(text_value, 200)) where text_value is not null;
create index product_attribute_values_number on product_attribute_values (attribute_id, number_value) where number_value is not null;
create index product_attribute_values_bool on product_attribute_values (attribute_id, bool_value) where bool_value is not null;
create index product_attribute_values_date on product_attribute_values (attribute_id, date_value) where date_value is not null;
create index product_attribute_values_json on product_attribute_values (attribute_id) where json_value is not null;
create index product_attribute_values_json_gin on product_attribute_values using gin (json_value jsonb_path_ops) where json_value is not null;
comment on table product_attribute_values is 'Tier 2: values of defined attributes, of products and of variants that exist. The kind of the definition says which column holds the value.';
comment on column product_attribute_values.owner_id is 'The product or variant.';
comment on column product_attribute_values.attribute_id is 'The definition.';
comment on column product_attribute_values.owner_type is 'What owner_id names.';
comment on column product_attribute_values.text_value is 'Value of kind text; a long one is indexed by its beginning.';
comment on column product_attribute_values.number_value is 'Value of kind number.';
comment on column product_attribute_values.bool_value is 'Value of kind bool.';
comment on column product_attribute_values.date_value is 'Value of kind date.';
comment on column product_attribute_values.json_value is 'Value of any other kind: texts as a list, money as an object, localized as a list of pairs, json as it is.';

create table imports (
    id                 uuid        primary key,
    settings_digest    bytea       not null,
    committed_sequence bigint      not null,
    created_at         timestamptz not null default clock_timestamp(),
    updated_at         timestamptz not null default clock_timestamp()
);
comment on table imports is 'Imports, each with the point to resume from.';
comment on column imports.id is 'UUID that the caller gave.';
comment on column imports.settings_digest is 'SHA-256 of its start; other settings under this id are refused.';
comment on column imports.committed_sequence is 'Sequence of the last chunk that is committed.';
comment on column imports.created_at is 'When it began.';
comment on column imports.updated_at is 'When its last chunk was committed.';

create table import_chunks (
    import_id uuid   not null references imports,
    sequence  bigint not null,
    digest    bytea  not null,
    result    bytea  not null,
    primary key (import_id, sequence)
);
comment on table import_chunks is 'What became of the committed chunks, to answer those that come again.';
comment on column import_chunks.import_id is 'The import.';
comment on column import_chunks.sequence is 'Sequence of the chunk.';
comment on column import_chunks.digest is 'SHA-256 of the chunk; other rows under this sequence are refused.';
comment on column import_chunks.result is 'The encoded answer.';
