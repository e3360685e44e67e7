//! What a product page shows: variants with their prices and stock.

use crate::domain::product::Product;
use crate::domain::stock::{ProductStock, Status, Stocked, Units};
use crate::domain::variant::Variant;
use catalog_api::v1 as proto;
use chrono::{DateTime, Utc};
use contracts::{Aggregate, Fact};
use convert::{money, timestamp};
use kernel::currency::Currency;
use kernel::head::{Change, Head};
use kernel::id::Id;
use kernel::money::Money;
use kernel::name::fold;
use kernel::price::{Level, PriceContext, PriceRow, Scope, select};
use kernel::window::Window;
use pg::entity::Published;
use pricing_api::v1::{Price, PriceScope};
use proto::{DisplayContext, DisplayPrice, StockStatus};
use std::time::Duration;

/// Most variants of a page.
pub const MAX_VARIANTS: usize = 200;

/// How long the page of a product is kept of which nothing is available (S0-47).
const OUT_OF_STOCK_AGE: Duration = Duration::from_secs(30);

/// For whom and where prices are.
#[derive(Debug, Clone)]
pub struct Context {
    /// Currency.
    pub currency: Currency,
    /// Channel of the sale, as it is compared.
    pub channel: Option<String>,
    /// Country of delivery.
    pub country: Option<String>,
}

/// What a page is made of.
pub struct Page {
    /// The variants, one more than a page shows where there are more.
    pub variants: Vec<Variant>,
    /// Stock of all variants.
    pub stock: Vec<Stocked>,
    /// Prices of the product and its variants.
    pub prices: Vec<Price>,
    /// Threshold of the product.
    pub threshold: i64,
    /// Its last status.
    pub last_status: Option<Status>,
    /// The instant that prices are for.
    pub now: DateTime<Utc>,
}

/// Reads a context; none where it names no currency.
pub fn context(
    fields: &mut convert::Fields,
    sent: Option<&DisplayContext>,
) -> Option<Option<Context>> {
    let Some(sent) = sent.filter(|sent| !sent.currency_code.is_empty()) else { return Some(None) };
    let currency = fields.currency("context.currency_code", &sent.currency_code)?;
    let named = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let channel = named(sent.channel.trim()).map(|channel| fold(&channel));
    Some(Some(Context { currency, channel, country: named(&sent.country) }))
}

impl Page {
    /// How long the page holds at most, if nothing changes: until a price begins or ends, and not long where nothing can be bought.
    pub fn holds(&self) -> Option<Duration> {
        let edge = |price: &Price| row(price)?.window.next_edge(self.now);
        let edge = self.prices.iter().filter_map(edge).min();
        let prices = edge.map(|edge| (edge - self.now).to_std().unwrap_or_default());
        let is_out = sum(self.stock.iter()).available <= 0;
        let stock = is_out.then_some(OUT_OF_STOCK_AGE);
        [prices, stock].into_iter().flatten().min()
    }

    /// The page for a context; without one it has no prices.
    pub fn detail(&self, context: Option<&Context>) -> proto::ProductDetail {
        let rows: Vec<(String, PriceRow<String>)> = self
            .prices
            .iter()
            .filter_map(|own| Some((own.variant_id.clone(), row(own)?)))
            .collect();
        let shown = self.variants.iter().take(MAX_VARIANTS);
        let variants: Vec<proto::VariantDetail> =
            shown.map(|variant| self.variant(variant, &rows, context)).collect();
        let amount = |own: &DisplayPrice| own.amount.as_ref().map(|amount| amount.minor_units());
        let price = variants.iter().filter_map(|own| own.price.clone()).min_by_key(amount);
        let units = sum(self.stock.iter());
        let status = Status::after(self.last_status, units, self.threshold);
        let is_known = !self.stock.is_empty();
        proto::ProductDetail {
            has_more_variants: self.variants.len() > MAX_VARIANTS,
            variants,
            price,
            available: units.available,
            backorderable: units.backorderable,
            stock_status: shown_status(is_known.then_some(status)).into(),
            low_stock_threshold: self.threshold,
        }
    }

    fn variant(
        &self,
        variant: &Variant,
        rows: &[(String, PriceRow<String>)],
        context: Option<&Context>,
    ) -> proto::VariantDetail {
        let id = variant.head.id;
        let own: Vec<&Stocked> = self.stock.iter().filter(|own| own.variant_id == id).collect();
        let units = sum(own.iter().copied());
        let text = id.to_string();
        let price = |warehouse: Option<&String>| {
            let rows = rows.iter().filter(|(of, _)| of.is_empty() || *of == text);
            display_price(rows.map(|(_, row)| row), context?, warehouse, self.now)
        };
        let shipping = own.iter().filter(|own| own.ships);
        let status = shipping.clone().filter_map(|own| level_status(&own.status)).min();
        let status = status.or_else(|| (!own.is_empty()).then_some(Status::OutOfStock));
        proto::VariantDetail {
            variant: Some(variant.into()),
            price: price(None),
            available: units.available,
            backorderable: units.backorderable,
            stock_status: shown_status(status).into(),
            warehouses: shipping
                .map(|own| proto::WarehouseStock {
                    warehouse_id: own.warehouse_id.to_string(),
                    available: own.available,
                    backorderable: own.backorderable,
                    price: price(Some(&own.warehouse_id.to_string())),
                })
                .collect(),
        }
    }
}

/// Units of warehouses that ship.
fn sum<'s>(stock: impl Iterator<Item = &'s Stocked>) -> Units {
    stock.filter(|own| own.ships).fold(Units::default(), |sum, own| Units {
        available: sum.available + own.available,
        backorderable: sum.backorderable + own.backorderable,
    })
}

/// A level's status; a preorder is a backorder with a day, which a product page does not tell apart.
fn level_status(name: &str) -> Option<Status> {
    match name {
        "preorder" => Some(Status::Backorder),
        name => Status::of(name),
    }
}

fn display_price<'r>(
    rows: impl Iterator<Item = &'r PriceRow<String>>,
    context: &Context,
    warehouse: Option<&String>,
    at: DateTime<Utc>,
) -> Option<DisplayPrice> {
    let context = PriceContext {
        currency: context.currency,
        customer: None,
        groups: &[],
        warehouse,
        channel: context.channel.as_ref(),
        country: context.country.as_ref(),
        at,
    };
    let row = select(rows, &context)?;
    let of = |minor| Some(money(Money::new(minor, row.currency)));
    Some(DisplayPrice { base: of(row.base), sale: row.sale.and_then(of), amount: of(row.amount()) })
}

/// A price as the selection sees it; none where this binary cannot read it.
pub fn row(price: &Price) -> Option<PriceRow<String>> {
    let PriceScope { warehouse_id, channel, country, .. } = price.scope.clone().unwrap_or_default();
    let named = |text: String| (!text.is_empty()).then_some(text);
    let base = price.base.as_ref()?;
    let time = |at: Option<&prost_types::Timestamp>| {
        let at = at?;
        DateTime::from_timestamp(at.seconds, u32::try_from(at.nanos).ok()?)
    };
    Some(PriceRow {
        id: Id::<Product>::parse(&price.price_id).ok()?.uuid(),
        level: if price.variant_id.is_empty() { Level::Product } else { Level::Sku },
        currency: Currency::parse(&base.currency_code).ok()?,
        scope: Scope {
            customer: None,
            group: None,
            warehouse: named(warehouse_id),
            channel: named(channel).map(|channel| fold(&channel)),
            country: named(country),
        },
        window: Window::try_new(time(price.from.as_ref()), time(price.until.as_ref())).ok()?,
        base: base.minor_units(),
        sale: price.sale.as_ref().map(|sale| sale.minor_units()),
    })
}

fn shown_status(status: Option<Status>) -> StockStatus {
    match status {
        None => StockStatus::Unspecified,
        Some(Status::InStock) => StockStatus::InStock,
        Some(Status::LowStock) => StockStatus::LowStock,
        Some(Status::Backorder) => StockStatus::Backorder,
        Some(Status::OutOfStock) => StockStatus::OutOfStock,
    }
}

impl From<&ProductStock> for proto::ProductStock {
    fn from(own: &ProductStock) -> Self {
        Self {
            product_id: own.head.id.to_string(),
            status: shown_status(Some(own.status)).into(),
            previous_status: shown_status(own.previous).into(),
            total: own.total,
            threshold: own.threshold,
            version: own.head.version,
            update_time: Some(timestamp(own.head.updated_at)),
        }
    }
}

impl Published for ProductStock {
    const FAMILY: &'static str = proto::ProductStock::FAMILY;

    fn head(&self) -> &Head<Self> {
        &self.head
    }

    fn event(&self, _change: &Change) -> Fact {
        Fact::from(&proto::StockStatusChanged { stock: Some(self.into()) })
    }
}
