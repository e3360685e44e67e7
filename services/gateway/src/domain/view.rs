//! What a page shows of a product.

use super::attributes::by_code;
use catalog_api::v1::{Product, ProductStatus, Tier1Attributes, Variant};
use gateway_api::v1::{ProductView, Tier1View, VariantView};
use kernel::currency::Currency;
use kernel::money::Money;
use pricing_api::v1::ItemPrice;

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

/// A product with the variant that is shown, and what that one costs.
pub fn product(product: Product, shown: Option<&Variant>, costs: Costs) -> ProductView {
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
    }
}

/// A variant with what it costs.
pub fn variant(variant: &Variant, costs: Costs) -> VariantView {
    VariantView {
        id: variant.variant_id.clone(),
        sku: variant.sku.clone(),
        tier1_attributes: Some(tier1(variant.tier1_attributes.as_ref())),
        price: costs.price,
        sale_price: costs.sale_price,
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
}
