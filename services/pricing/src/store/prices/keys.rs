use crate::domain::draft::PriceKey;
use crate::store::items::level;
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Nullable, Text, Timestamptz};
use pg::{Statement, statement};

type Texts = Array<Nullable<Text>>;
type Instants = Array<Nullable<Timestamptz>>;

/// Natural keys, column by column, for UNNEST.
#[derive(Default)]
pub(super) struct Keys<'k> {
    levels: Vec<&'static str>,
    items: Vec<String>,
    currencies: Vec<&'static str>,
    customers: Vec<Option<&'k str>>,
    groups: Vec<Option<&'k str>>,
    warehouses: Vec<Option<&'k str>>,
    channels: Vec<Option<&'k str>>,
    countries: Vec<Option<&'k str>>,
    froms: Vec<Option<DateTime<Utc>>>,
    untils: Vec<Option<DateTime<Utc>>>,
}

/// How the columns of `wanted` find the rows of `prices` that have the same item, scope and
/// currency. As in the index `prices_natural_key`, so that it is used.
pub(super) const SAME_SCOPE: &str = "prices.item = wanted.item and prices.level = wanted.level
     and prices.currency = wanted.currency
     and coalesce(prices.customer_id, '') = coalesce(wanted.customer_id, '')
     and coalesce(prices.customer_group, '') = coalesce(wanted.customer_group, '')
     and coalesce(prices.warehouse_id, '') = coalesce(wanted.warehouse_id, '')
     and coalesce(prices.channel, '') = coalesce(wanted.channel, '')
     and coalesce(prices.country, '') = coalesce(wanted.country, '')";

/// The rest of the natural key.
pub(super) const SAME_WINDOW: &str =
    "coalesce(prices.valid_from, '-infinity') = coalesce(wanted.valid_from, '-infinity')
     and coalesce(prices.valid_until, 'infinity') = coalesce(wanted.valid_until, 'infinity')";

/// Names of the columns, in the order in which [`Keys::bind`] binds them.
pub(super) const KEY: &str = "level, item, currency, customer_id, customer_group, warehouse_id, \
     channel, country, valid_from, valid_until";

impl<'k> Keys<'k> {
    /// A statement in which the columns are $1 to $10.
    pub(super) fn bind(self, sql: String) -> Statement<'k> {
        statement(sql)
            .bind::<Array<Text>, _>(self.levels)
            .bind::<Array<Text>, _>(self.items)
            .bind::<Array<Text>, _>(self.currencies)
            .bind::<Texts, _>(self.customers)
            .bind::<Texts, _>(self.groups)
            .bind::<Texts, _>(self.warehouses)
            .bind::<Texts, _>(self.channels)
            .bind::<Texts, _>(self.countries)
            .bind::<Instants, _>(self.froms)
            .bind::<Instants, _>(self.untils)
    }
}

impl<'k> FromIterator<&'k PriceKey> for Keys<'k> {
    fn from_iter<I: IntoIterator<Item = &'k PriceKey>>(keys: I) -> Self {
        let mut columns = Self::default();
        for key in keys {
            columns.levels.push(level(&key.item));
            columns.items.push(key.item.to_string());
            columns.currencies.push(key.currency.code());
            columns.customers.push(key.scope.customer.as_deref());
            columns.groups.push(key.scope.group.as_deref());
            columns.warehouses.push(key.scope.warehouse.as_deref());
            columns.channels.push(key.scope.channel.as_deref());
            columns.countries.push(key.scope.country.as_deref());
            columns.froms.push(key.window.from());
            columns.untils.push(key.window.until());
        }
        columns
    }
}
