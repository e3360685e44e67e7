//! What a page shows of a product.

use super::attributes::by_code;
use catalog_api::v1::{Product, ProductStatus, Tier1Attributes, Variant};
use gateway_api::v1::{ImageView, ProductView, Tier1View, VariantView, WarehouseStockView};
use kernel::currency::Currency;
use kernel::money::Money;
use pricing_api::v1::ItemPrice;
use warehouse_api::v1::Availability;

/// What something costs, as texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Costs {
    /// What it usually costs; empty: it has no price.
    pub price: String,
    /// What it costs now; empty: not less.
    pub sale_price: String,
    /// The currency of both.
    pub currency: String,
}

impl Costs {
    /// Of a price that pricing found.
    pub fn of(found: &ItemPrice) -> Self {
        let base = found.price.as_ref().and_then(|price| price.base.as_ref());
        let (Some(base), Some(now)) = (base, &found.amount) else { return Self::default() };
        let Ok(currency) = Currency::parse(&base.currency_code) else { return Self::default() };
        let text = |minor| Money::new(minor, currency).decimal();
        let (base, now) = (base.minor_units(), now.minor_units());
        let sale_price = if now < base { text(now) } else { String::new() };
        Self { price: text(base), sale_price, currency: currency.code().to_owned() }
    }
}

/// How many there are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stock {
    /// Units that can be bought and shipped now; none: the mesh has no warehouse.
    pub units: Option<i64>,
    /// What the shop says of them; empty: the mesh has no warehouse.
    pub status: String,
    /// The same by warehouse.
    pub warehouses: Vec<WarehouseStockView>,
}

impl Stock {
    /// Of what warehouse answered.
    pub fn of(found: &Availability) -> Self {
        let warehouses = found.warehouses.iter().map(|own| WarehouseStockView {
            warehouse_id: own.warehouse_id.clone(),
            in_stock: own.available + own.backorderable > 0,
            quantity: own.available,
        });
        let status = found.status().as_str_name().trim_start_matches("STOCK_STATUS_").to_owned();
        Self { units: Some(found.available), status, warehouses: warehouses.collect() }
    }
}

/// A product with the variant that is shown, what that one costs and how many there are.
pub fn product(
    product: Product,
    shown: Option<&Variant>,
    costs: Costs,
    stock: Stock,
) -> ProductView {
    let status = product.status().as_str_name().trim_start_matches("PRODUCT_STATUS_").to_owned();
    let is_active = product.status() == ProductStatus::Active;
    let own = shown.into_iter().flat_map(|variant| &variant.tier2_attributes);
    let tier2 = by_code(product.tier2_attributes.iter().chain(own));
    ProductView {
        id: product.product_id,
        sku: shown.map(|variant| variant.sku.clone()).unwrap_or_default(),
        name: product.title,
        description: product.description,
        category_id: product.category_ids.into_iter().next().unwrap_or_default(),
        brand_id: product.brand_id,
        status,
        is_active,
        tier1_attributes: shown.map(|variant| tier1(variant.tier1_attributes.as_ref())),
        tier2_attributes: Some(tier2),
        specifications: Some(product.specifications.unwrap_or_default()),
        marketing_content: Some(product.marketing_content.unwrap_or_default()),
        price: costs.price,
        currency: costs.currency,
        sale_price: costs.sale_price,
        created_at: product.create_time,
        updated_at: product.update_time,
        variants: Vec::new(),
        version: product.version,
        stock: stock.units,
        stock_status: stock.status,
        warehouse_stock: stock.warehouses,
        images: product
            .images
            .into_iter()
            .map(|own| ImageView { url: own.url, alt: own.alt })
            .collect(),
        tags: product.tags,
    }
}

/// A variant with what it costs and how many there are.
pub fn variant(variant: &Variant, costs: Costs, stock: Stock) -> VariantView {
    VariantView {
        id: variant.variant_id.clone(),
        sku: variant.sku.clone(),
        tier1_attributes: Some(tier1(variant.tier1_attributes.as_ref())),
        price: costs.price,
        sale_price: costs.sale_price,
        stock: stock.units,
        stock_status: stock.status,
    }
}

fn tier1(own: Option<&Tier1Attributes>) -> Tier1View {
    let own = own.cloned().unwrap_or_default();
    Tier1View {
        color: own.color,
        size: own.size,
        material: own.material,
        gender: own.gender,
        age_group: own.age_group,
        weight: own.weight_grams,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::types::v1::Money as MoneyMessage;
    use pricing_api::v1::Price;
    use warehouse_api::v1::{StockStatus, WarehouseAvailability};

    fn money(code: &str, minor: i64) -> Option<MoneyMessage> {
        Some(MoneyMessage { currency_code: code.to_owned(), minor_units: Some(minor) })
    }

    #[test]
    fn a_sale_price_is_shown_where_it_is_less_and_amounts_are_exact() {
        let found = |code: &str, base, now| ItemPrice {
            price: Some(Price { base: money(code, base), ..Price::default() }),
            amount: money(code, now),
            ..ItemPrice::default()
        };
        let costs = |found: &ItemPrice| {
            let costs = Costs::of(found);
            [costs.price, costs.sale_price, costs.currency]
        };
        assert_eq!(costs(&found("USD", 199_900, 199_900)), ["1999.00", "", "USD"]);
        assert_eq!(costs(&found("USD", 199_900, 5)), ["1999.00", "0.05", "USD"]);
        assert_eq!(costs(&found("JPY", 1_000, 900)), ["1000", "900", "JPY"]);
        assert_eq!(Costs::of(&ItemPrice::default()), Costs::default());
    }

    #[test]
    fn what_is_sold_before_it_is_there_counts_as_in_stock_in_its_warehouse() {
        let found = |status: StockStatus, available, backorderable| Availability {
            status: status.into(),
            available,
            backorderable,
            warehouses: vec![WarehouseAvailability {
                warehouse_id: "w".to_owned(),
                available,
                backorderable,
                status: status.into(),
            }],
            ..Availability::default()
        };
        let shown = |found: &Availability| {
            let stock = Stock::of(found);
            (stock.units, stock.status, stock.warehouses[0].in_stock)
        };
        let text = |name: &str| name.to_owned();
        assert_eq!(
            shown(&found(StockStatus::OutOfStock, 0, 0)),
            (Some(0), text("OUT_OF_STOCK"), false)
        );
        assert_eq!(shown(&found(StockStatus::Backorder, 0, 2)), (Some(0), text("BACKORDER"), true));
    }
}
