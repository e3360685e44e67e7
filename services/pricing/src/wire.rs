//! Between the contract's messages and the domain.

use crate::asked::Asked;
use crate::domain::draft::PriceDraft;
use crate::domain::item::Item;
use crate::domain::price::{Price, PriceEvent};
use crate::domain::selection::{Context, Judged};
use chrono::{DateTime, Utc};
use contracts::Fact;
use contracts::pricing::v1 as proto;
use contracts::types::v1::Money as MoneyMessage;
use fault::{Common, Fault};
use kernel::currency::Currency;
use kernel::digest::sha256;
use kernel::id::Id;
use kernel::money::Money;
use kernel::price::{Scope, Verdict};
use kernel::sku::Sku;
use kernel::window::Window;
use prost::Message;
use prost_types::Timestamp;
use proto::item::Name;

/// The item that a message names; a SKU that no variant can have is unknown, like any other that
/// the catalogue does not have.
pub fn item(message: Option<&proto::Item>) -> Result<Item, Fault> {
    match message.and_then(|item| item.name.as_ref()) {
        Some(Name::Sku(sku)) => Sku::parse(sku).map(Item::Sku).map_err(|error| {
            let message = format!("the catalogue cannot have it: {error}");
            let fault = Fault::field(proto::Reason::UnknownItem, "item.sku", message);
            fault.with("item", sku)
        }),
        Some(Name::ProductId(id)) => Id::parse(id).map(Item::Product).map_err(|error| {
            Fault::field(Common::InvalidField, "item.product_id", error.to_string())
        }),
        None => Err(Fault::field(Common::InvalidField, "item", "must name a SKU or a product")),
    }
}

/// The price that a caller wants to set. Field paths begin at the draft.
pub fn draft(message: &proto::PriceDraft) -> Result<PriceDraft, Fault> {
    let item = item(message.item.as_ref())?;
    let scope = message.scope.as_ref().map_or(Ok(Scope::UNSCOPED), scope)?;
    let base = message.base.as_ref().ok_or_else(|| missing("base"))?;
    let base = money(base, "base.currency_code")?;
    let sale = message.sale.as_ref().map(|sale| money(sale, "sale.currency_code")).transpose()?;
    let window = Window::try_new(
        message.from.as_ref().map(|from| instant(from, "from")).transpose()?,
        message.until.as_ref().map(|until| instant(until, "until")).transpose()?,
    );
    Ok(PriceDraft::try_new(item, scope, base, sale, window)?)
}

/// For whom, where and when a price is asked for. Field paths begin at the request.
pub fn context(message: Option<&proto::PriceContext>) -> Result<Asked, Fault> {
    let message = message.ok_or_else(|| missing("context"))?;
    let at = message.at.as_ref().map(|at| instant(at, "context.at")).transpose()?;
    let context = Context {
        currency: currency(&message.currency_code, "context.currency_code")?,
        customer: named(&message.customer_id),
        groups: message.customer_groups.clone(),
        warehouse: named(&message.warehouse_id),
        channel: named(&message.channel),
        country: named(&message.country),
        at: at.unwrap_or_default(),
    };
    Ok(if at.is_some() { Asked::then(context) } else { Asked::now(context) })
}

/// What is published when something happened to a price.
pub fn fact(price: &Price, event: &PriceEvent) -> Fact {
    match event {
        PriceEvent::Updated { changed } => Fact::from(&proto::PriceUpdated {
            price: Some(price.into()),
            changed: changed.iter().map(ToString::to_string).collect(),
        }),
        PriceEvent::Deleted => Fact::from(&proto::PriceDeleted {
            price_id: price.id.to_string(),
            version: price.version,
            product_id: price.target.product_id.to_string(),
        }),
    }
}

impl From<&Item> for proto::Item {
    fn from(item: &Item) -> Self {
        let name = match item {
            Item::Sku(sku) => Name::Sku(sku.to_string()),
            Item::Product(id) => Name::ProductId(id.to_string()),
        };
        Self { name: Some(name) }
    }
}

impl From<&Price> for proto::Price {
    fn from(price: &Price) -> Self {
        let (target, key) = (&price.target, &price.key);
        let money = |minor| amount(minor, key.currency);
        Self {
            price_id: price.id.to_string(),
            item: Some((&target.item).into()),
            product_id: target.product_id.to_string(),
            variant_id: target.variant_id.map(String::from).unwrap_or_default(),
            scope: scope_message(&key.scope),
            base: Some(money(price.base)),
            sale: price.sale.map(money),
            from: key.window.from().map(timestamp),
            until: key.window.until().map(timestamp),
            version: price.version,
            create_time: Some(timestamp(price.created_at)),
            update_time: Some(timestamp(price.updated_at)),
        }
    }
}

impl From<&Price> for proto::PriceVersion {
    /// The digest is that of the same bytes that the price's last event carries: both come from the
    /// stored row.
    fn from(price: &Price) -> Self {
        let deleted = price.deleted_at.is_some();
        let digest = if deleted {
            Vec::new()
        } else {
            sha256(&proto::Price::from(price).encode_to_vec()).to_vec()
        };
        Self { price_id: price.id.to_string(), version: price.version, deleted, digest }
    }
}

impl From<Judged<'_>> for proto::TraceEntry {
    fn from(judged: Judged<'_>) -> Self {
        let price = judged.price;
        Self {
            price_id: price.id.to_string(),
            amount: Some(amount(price.amount(), price.key.currency)),
            verdict: verdict(judged.verdict).into(),
            explanation: judged.explanation,
        }
    }
}

/// An amount as the contract writes it.
pub fn amount(minor: i64, currency: Currency) -> MoneyMessage {
    MoneyMessage { currency_code: currency.code().to_owned(), minor_units: minor }
}

fn verdict(verdict: Verdict) -> proto::Verdict {
    match verdict {
        Verdict::Chosen => proto::Verdict::Chosen,
        Verdict::OtherCurrency => proto::Verdict::OtherCurrency,
        Verdict::NotYetValid { .. } => proto::Verdict::NotYetValid,
        Verdict::NoLongerValid { .. } => proto::Verdict::NoLongerValid,
        Verdict::ScopeMismatch { .. } => proto::Verdict::ScopeMismatch,
        Verdict::ProductLevelShadowed => proto::Verdict::ShadowedBySku,
        Verdict::LessSpecific { .. } => proto::Verdict::LessSpecific,
        Verdict::UndatedBesideDated => proto::Verdict::Undated,
        Verdict::DearerAtSameLevel => proto::Verdict::Dearer,
        Verdict::HigherId => proto::Verdict::Younger,
    }
}

fn scope(message: &proto::PriceScope) -> Result<Scope<String>, Fault> {
    let fields = [
        ("scope.warehouse_id", &message.warehouse_id),
        ("scope.channel", &message.channel),
        ("scope.country", &message.country),
        ("scope.customer_group", &message.customer_group),
        ("scope.customer_id", &message.customer_id),
    ];
    // PostgreSQL cannot store all of them, and nobody could read them in a trace.
    if let Some((field, _)) = fields.iter().find(|(_, text)| text.chars().any(char::is_control)) {
        let message = "must not hold control characters";
        return Err(Fault::field(Common::InvalidField, *field, message));
    }
    Ok(Scope {
        customer: named(&message.customer_id),
        group: named(&message.customer_group),
        warehouse: named(&message.warehouse_id),
        channel: named(&message.channel),
        country: named(&message.country),
    })
}

/// No message where the price holds everywhere and for everyone, so that one price has one
/// encoding.
fn scope_message(scope: &Scope<String>) -> Option<proto::PriceScope> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    (!scope.is_unscoped()).then(|| proto::PriceScope {
        warehouse_id: text(&scope.warehouse),
        channel: text(&scope.channel),
        country: text(&scope.country),
        customer_group: text(&scope.group),
        customer_id: text(&scope.customer),
    })
}

fn money(message: &MoneyMessage, field: &str) -> Result<Money, Fault> {
    Ok(Money::new(message.minor_units, currency(&message.currency_code, field)?))
}

fn currency(code: &str, field: &str) -> Result<Currency, Fault> {
    Currency::parse(code)
        .map_err(|error| Fault::field(Common::UnknownCurrency, field, error.to_string()))
}

/// Microseconds, as PostgreSQL keeps them: what is finer would come back changed.
fn instant(message: &Timestamp, field: &str) -> Result<DateTime<Utc>, Fault> {
    /// 0001-01-01 and the first second after 9999-12-31, between which protobuf's timestamps lie.
    const SECONDS: std::ops::Range<i64> = -62_135_596_800..253_402_300_800;
    let nanos = u32::try_from(message.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    nanos
        .filter(|_| SECONDS.contains(&message.seconds))
        .and_then(|nanos| DateTime::from_timestamp(message.seconds, nanos / 1000 * 1000))
        .ok_or_else(|| {
            let message = "must lie between 0001-01-01 and 9999-12-31, with nanos below 1e9";
            Fault::field(Common::InvalidField, field, message)
        })
}

fn timestamp(at: DateTime<Utc>) -> Timestamp {
    let nanos = i32::try_from(at.timestamp_subsec_nanos()).unwrap_or_default();
    Timestamp { seconds: at.timestamp(), nanos }
}

fn named(text: &str) -> Option<String> {
    Some(text).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn missing(field: &'static str) -> Fault {
    Fault::field(Common::InvalidField, field, "is required")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(from: Timestamp, channel: &str) -> proto::PriceDraft {
        proto::PriceDraft {
            item: Some(proto::Item { name: Some(Name::Sku("A-1".into())) }),
            scope: Some(proto::PriceScope { channel: channel.into(), ..Default::default() }),
            base: Some(MoneyMessage { currency_code: "USD".into(), minor_units: 100 }),
            from: Some(from),
            ..Default::default()
        }
    }

    #[test]
    fn instants_are_cut_to_what_the_database_keeps() {
        let window =
            draft(&message(Timestamp { seconds: 5, nanos: 1_999 }, "")).unwrap().key.window;
        assert_eq!(window.from(), DateTime::from_timestamp(5, 1_000));
    }

    #[test]
    fn what_cannot_be_stored_is_refused_with_its_field() {
        let at = |seconds, nanos| Timestamp { seconds, nanos };
        let field = |message| draft(&message).unwrap_err().violations()[0].field.clone();
        for from in [at(0, -1), at(0, 1_000_000_000), at(253_402_300_800, 0), at(i64::MIN, 0)] {
            assert_eq!(field(message(from, "")), "from");
        }
        assert_eq!(field(message(at(0, 0), "a\0b")), "scope.channel");
        assert_eq!(draft(&message(at(0, 0), "")).unwrap().key.scope, Scope::UNSCOPED);
    }
}
