//! Between the contract's messages and the domain.

use crate::domain::draft::PriceDraft;
use crate::domain::item::Item;
use crate::domain::price::Price;
use crate::domain::selection::{Context, Judged};
use crate::domain::update::{FIELDS, PriceUpdate};
use crate::price_query::PriceQuery;
use contracts::{Aggregate, Fact, Validate};
use convert::{Fields, money, read, text, timestamp};
use fault::{Common, Fault};
use kernel::head::{Change, Head};
use kernel::money::Money;
use kernel::name::fold;
use kernel::price::{Scope, Verdict};
use kernel::sku::Sku;
use pg::entity::Published;
use pricing_api::v1 as proto;
use proto::item::Name;

/// The item that a message names; a SKU that no variant can have is unknown, like any other that
/// the catalogue does not have.
pub fn item(fields: &mut Fields, path: &str, message: Option<&proto::Item>) -> Option<Item> {
    let name = message.and_then(|item| item.name.as_ref());
    fields.within(path, |fields| match name {
        Some(Name::Sku(sku)) => {
            let parsed = Sku::parse(sku).map(Item::Sku).map_err(|error| {
                let message = format!("the catalogue cannot have it: {error}");
                Fault::field(proto::Reason::UnknownItem, "sku", message).with("item", sku)
            });
            fields.take(parsed)
        }
        Some(Name::ProductId(id)) => fields.id("product_id", id).map(Item::Product),
        None => fields.refuse(Common::InvalidField, "", "must name a SKU or a product"),
    })
}

/// A price of a list. Its own rules are checked here and not in the codec, so that a check of the whole list names each broken one.
pub fn row(sent: &proto::PriceDraft) -> Result<PriceDraft, Fault> {
    own_rules(sent)?;
    read(|fields| draft(fields, sent))
}

/// An update of a list, likewise.
pub fn update_row(sent: &proto::PriceUpdate) -> Result<PriceUpdate, Fault> {
    own_rules(sent)?;
    read(|fields| update(fields, sent))
}

fn own_rules(sent: &impl Validate) -> Result<(), Fault> {
    let violations = sent.violations();
    if violations.is_empty() { Ok(()) } else { Err(Fault::invalid(violations)) }
}

/// The price that a caller wants to set.
pub fn draft(fields: &mut Fields, message: &proto::PriceDraft) -> Option<PriceDraft> {
    let item = item(fields, "item", message.item.as_ref());
    let scope = match &message.scope {
        Some(scope) => fields.within("scope", |fields| self::scope(fields, scope)),
        None => Some(Scope::UNSCOPED),
    };
    let base = fields.money("base", message.base.as_ref());
    let sale = fields.optional_money("sale", message.sale.as_ref());
    let (from, until) = (("from", message.from.as_ref()), ("until", message.until.as_ref()));
    let window = fields.window(from, until, proto::Reason::WindowInvalid);
    let draft = PriceDraft::try_new(item?, scope?, base?, sale?, window?);
    fields.take(draft)
}

/// The change of a price that a caller names by its id. Values that the mask does not name are not looked at.
pub fn update(fields: &mut Fields, message: &proto::PriceUpdate) -> Option<PriceUpdate> {
    let id = fields.id("price_id", &message.price_id);
    let named = fields.mask("update_mask", message.update_mask.as_ref(), &FIELDS);
    let values = fields.required("values", message.values.as_ref());
    let (named, values) = (named?, values?);
    let has = |field| named.contains(&field);
    let (base, sale, from, until) = fields.within("values", |fields| {
        let base = match has("base") {
            true => fields.money("base", values.base.as_ref()).map(Some),
            false => Some(None),
        };
        let sale = values.sale.as_ref().filter(|_| has("sale"));
        let sale = fields.optional_money("sale", sale);
        let from = values.from.as_ref().filter(|_| has("from"));
        let from = fields.optional_instant("from", from);
        let until = values.until.as_ref().filter(|_| has("until"));
        let until = fields.optional_instant("until", until);
        Some((base?, sale?, from?, until?))
    })?;
    let expected = message.expected_version;
    Some(PriceUpdate { id: id?, named, base, sale, from, until, expected })
}

/// For whom, where and when a price is requested.
pub fn query(fields: &mut Fields, message: Option<&proto::PriceContext>) -> Option<PriceQuery> {
    fields.message("context", message, |fields, message| {
        let at = fields.optional_instant("at", message.at.as_ref());
        let currency = fields.currency("currency_code", &message.currency_code);
        // As those of prices are kept.
        let named = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let at = at?;
        let context = Context {
            currency: currency?,
            customer: named(&message.customer_id),
            groups: message.customer_groups.iter().map(|group| fold(group)).collect(),
            warehouse: named(&message.warehouse_id),
            channel: named(&message.channel).map(|channel| fold(&channel)),
            country: named(&message.country),
            at: at.unwrap_or_default(),
        };
        Some(PriceQuery { context, is_now: at.is_none() })
    })
}

fn scope(fields: &mut Fields, message: &proto::PriceScope) -> Option<Scope<String>> {
    let warehouse = fields.optional_name("warehouse_id", &message.warehouse_id);
    let channel = fields.folded_name("channel", &message.channel);
    let country = fields.optional_name("country", &message.country);
    let group = fields.folded_name("customer_group", &message.customer_group);
    let customer = fields.optional_name("customer_id", &message.customer_id);
    Some(Scope {
        customer: customer?,
        group: group?,
        warehouse: warehouse?,
        channel: channel?,
        country: country?,
    })
}

impl Published for Price {
    const FAMILY: &'static str = proto::Price::FAMILY;

    fn head(&self) -> &Head<Self> {
        &self.head
    }

    fn event(&self, change: &Change) -> Fact {
        match change {
            Change::Created | Change::Updated(_) => Fact::from(&proto::PriceUpdated {
                price: Some(self.into()),
                changed: change.names(),
            }),
            Change::Deleted => Fact::from(&proto::PriceDeleted {
                price_id: self.head.id.to_string(),
                version: self.head.version,
                product_id: self.target.product_id.to_string(),
            }),
        }
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
        let Price { head, target, key, base, sale } = price;
        let amount = |minor| money(Money::new(minor, key.currency));
        Self {
            price_id: head.id.to_string(),
            item: Some((&target.item).into()),
            product_id: target.product_id.to_string(),
            variant_id: text(target.variant_id.as_ref()),
            scope: scope_message(&key.scope),
            base: Some(amount(*base)),
            sale: sale.map(amount),
            from: key.window.from().map(timestamp),
            until: key.window.until().map(timestamp),
            version: head.version,
            create_time: Some(timestamp(head.created_at)),
            update_time: Some(timestamp(head.updated_at)),
        }
    }
}

impl From<Judged<'_>> for proto::TraceEntry {
    fn from(judged: Judged<'_>) -> Self {
        Self {
            price_id: judged.price.head.id.to_string(),
            amount: Some(money(judged.price.amount())),
            verdict: verdict(judged.verdict).into(),
            explanation: judged.explanation,
        }
    }
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

/// No message where the price holds everywhere and for everyone, so that one price has one
/// encoding.
pub fn scope_message(scope: &Scope<String>) -> Option<proto::PriceScope> {
    (!scope.is_unscoped()).then(|| proto::PriceScope {
        warehouse_id: text(scope.warehouse.as_ref()),
        channel: text(scope.channel.as_ref()),
        country: text(scope.country.as_ref()),
        customer_group: text(scope.group.as_ref()),
        customer_id: text(scope.customer.as_ref()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use contracts::types::v1::Money as MoneyMessage;
    use prost_types::Timestamp;

    fn message(from: Timestamp, channel: &str) -> proto::PriceDraft {
        proto::PriceDraft {
            item: Some(proto::Item { name: Some(Name::Sku("A-1".into())) }),
            scope: Some(proto::PriceScope { channel: channel.into(), ..Default::default() }),
            base: Some(MoneyMessage { currency_code: "USD".into(), minor_units: Some(100) }),
            from: Some(from),
            ..Default::default()
        }
    }

    fn draft(message: &proto::PriceDraft) -> Result<PriceDraft, Fault> {
        read(|fields| super::draft(fields, message))
    }

    #[test]
    fn channels_and_groups_are_one_in_any_spelling_and_ids_stay_as_they_are() {
        let mut sent = message(Timestamp { seconds: 1, nanos: 0 }, " Web  SHOP");
        if let Some(scope) = &mut sent.scope {
            scope.customer_group = "VIP".into();
            scope.customer_id = "aB".into();
        }
        let scope = draft(&sent).unwrap().key.scope;
        let texts = [&scope.channel, &scope.group, &scope.customer].map(Option::as_deref);
        assert_eq!(texts, [Some("web shop"), Some("vip"), Some("aB")]);
        let context = proto::PriceContext {
            currency_code: "USD".into(),
            channel: "web shop".into(),
            customer_groups: vec!["Vip ".into()],
            customer_id: " aB".into(),
            ..Default::default()
        };
        let context = read(|fields| query(fields, Some(&context))).unwrap().context;
        assert_eq!(context.customer, scope.customer);
        assert_eq!((context.channel, &*context.groups), (scope.channel, &["vip".to_owned()][..]));
        let invisible = message(Timestamp { seconds: 1, nanos: 0 }, "\u{200b}");
        assert_eq!(draft(&invisible).unwrap_err().violations()[0].field, "scope.channel");
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

    #[test]
    fn a_window_that_holds_no_instant_is_refused_at_its_end() {
        let at = |seconds| Timestamp { seconds, nanos: 0 };
        for until in [2, 1] {
            let empty = proto::PriceDraft { until: Some(at(until)), ..message(at(2), "") };
            let fault = draft(&empty).unwrap_err();
            assert!(fault.is(proto::Reason::WindowInvalid));
            assert_eq!(fault.violations()[0].field, "until");
        }
    }

    #[test]
    fn everything_that_is_wrong_with_a_draft_is_named() {
        let wrong = proto::PriceDraft {
            item: None,
            ..message(Timestamp { seconds: 0, nanos: -1 }, "a\0b")
        };
        let fault = draft(&wrong).unwrap_err();
        let fields: Vec<_> = fault.violations().iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, ["item", "scope.channel", "from"]);
    }
}
