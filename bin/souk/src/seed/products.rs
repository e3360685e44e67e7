//! Products with their variants.

use super::attributes::unit;
use super::kinds::{Axis, Fact, Kind};
use super::random::Random;
use super::words::{CLOSING_SENTENCES, COLORS, GENDERS};
use super::{brands, tree, words};
use catalog_api::v1::attribute_value::Value;
use catalog_api::v1::{AttributeValue, ImportRow, ProductStatus, Tier1Attributes, VariantDraft};

/// Maximum number of variants of a product.
const MAX_VARIANTS: usize = 6;

/// The structure of a product, from which its texts and prices are generated.
pub struct Plan {
    /// Its kind.
    pub kind: &'static Kind,
    brand: &'static str,
    key: String,
    /// Its variants.
    pub variants: Vec<Variant>,
}

/// One combination of options.
pub struct Variant {
    /// Stock keeping unit.
    pub sku: String,
    color: &'static str,
    size: &'static str,
    /// Index and value on an axis of steps.
    pub step: Option<(i64, i64)>,
}

/// The plan of the product with this number.
pub fn plan(seed: u64, number: u32) -> Option<Plan> {
    let mut random = Random::of(seed, number, 0);
    let kinds = tree::all();
    // Round robin, so that even a small shop has products of all kinds.
    let kind = *kinds.get(usize::try_from(number).ok()? % kinds.len())?;
    let brand = random.word(brands::of(tree::department(kind)));
    let key = format!("{}-{}-{:04}", brands::code(brand), kind.code, number + 1);
    let variants = variants(&mut random, kind, &key);
    Some(Plan { kind, brand, key, variants })
}

fn variants(random: &mut Random, kind: &Kind, key: &str) -> Vec<Variant> {
    let count = 1 + random.below(MAX_VARIANTS);
    let variant = |(color, code): words::Color, end: String, size, step| Variant {
        sku: format!("{key}-{code}{end}"),
        color,
        size,
        step,
    };
    match kind.axis {
        Axis::Color => {
            let colors = random.some(&COLORS, count);
            colors.into_iter().map(|color| variant(color, String::new(), "", None)).collect()
        }
        Axis::Size(sizes) => {
            let sizes = random.some(sizes, count.max(2));
            let colors = random.some(&COLORS, (MAX_VARIANTS / sizes.len()).max(1));
            let pairs = colors.iter().flat_map(|color| sizes.iter().map(|size| (*color, *size)));
            pairs
                .take(MAX_VARIANTS)
                .map(|(color, size)| variant(color, format!("-{size}"), size, None))
                .collect()
        }
        Axis::Steps(_, steps) => {
            let steps: Vec<(i64, i64)> = (0..).zip(steps.iter().copied()).collect();
            let steps = random.some(&steps, count.min(3));
            let colors = random.some(&COLORS, (count / steps.len()).max(1));
            let pairs = colors.iter().flat_map(|color| steps.iter().map(|step| (*color, *step)));
            pairs
                .map(|(color, step)| variant(color, format!("-{}", step.1), "", Some(step)))
                .collect()
        }
    }
}

/// The product with this number.
pub fn row(seed: u64, number: u32) -> ImportRow {
    let Some(plan) = plan(seed, number) else { return ImportRow::default() };
    let Plan { kind, brand, key, variants } = &plan;
    let mut random = Random::of(seed, number, 1);
    let series = random.word(kind.series);
    // Model numbers are unique, so that titles are too.
    let model = format!("{}{}", random.word(&["S", "X", "M", "R", "V", "C"]), 100 + number);
    let noun = random.word(kind.nouns);
    let facts: Vec<(AttributeValue, Option<String>)> =
        kind.facts.iter().map(|(code, fact)| value(&mut random, code, fact)).collect();
    let in_title: Vec<&str> =
        facts.iter().filter_map(|(_, text)| text.as_deref()).take(2).collect();
    let comma = if in_title.is_empty() { "" } else { ", " };
    let fashion = tree::department(kind) == "fashion";
    let shared = Tier1Attributes {
        material: random.word(kind.materials).to_owned(),
        gender: if fashion { random.word(&GENDERS).to_owned() } else { String::new() },
        age_group: if fashion { "Adult".to_owned() } else { String::new() },
        weight_grams: random.between(kind.grams.0, kind.grams.1),
        ..Tier1Attributes::default()
    };
    ImportRow {
        key: key.clone(),
        title: format!("{brand} {series} {model} {noun}{comma}{}", in_title.join(", ")),
        description: description(&mut random, kind, &format!("{brand} {series}")),
        brand: (*brand).to_owned(),
        category_keys: vec![kind.key.to_owned()],
        status: ProductStatus::Active.into(),
        tier2_attributes: facts.into_iter().map(|(value, _)| value).collect(),
        variants: variants.iter().map(|variant| draft(kind, variant, &shared)).collect(),
        ..ImportRow::default()
    }
}

fn draft(kind: &Kind, variant: &Variant, shared: &Tier1Attributes) -> VariantDraft {
    let tier1 = Tier1Attributes {
        color: variant.color.to_owned(),
        size: variant.size.to_owned(),
        ..shared.clone()
    };
    let step = match (&kind.axis, variant.step) {
        (Axis::Steps(code, _), Some((_, step))) => Some(number(code, whole(step))),
        _ => None,
    };
    VariantDraft {
        sku: variant.sku.clone(),
        tier1_attributes: Some(tier1),
        tier2_attributes: step.into_iter().collect(),
        ..VariantDraft::default()
    }
}

/// A value, and its text for the title.
fn value(random: &mut Random, code: &str, fact: &Fact) -> (AttributeValue, Option<String>) {
    let text = |text: &str| AttributeValue {
        code: code.to_owned(),
        value: Some(Value::Text(text.to_owned())),
    };
    match fact {
        Fact::Number(least, most) => (number(code, whole(random.between(*least, *most))), None),
        Fact::Measure(least, most) => {
            let value = whole(round(random.between(*least, *most))) / 10.0;
            (number(code, value), Some(format!("{value} {}", unit(code))))
        }
        Fact::Choice(choices) => {
            let choice = random.word(choices);
            (text(choice), Some(choice.to_owned()))
        }
        Fact::Text(texts) => (text(random.word(texts)), None),
        Fact::Flag(share) => {
            let value = Some(Value::Boolean(random.percent(*share)));
            (AttributeValue { code: code.to_owned(), value }, None)
        }
    }
}

fn number(code: &str, value: f64) -> AttributeValue {
    AttributeValue { code: code.to_owned(), value: Some(Value::Number(value)) }
}

/// Rounds tenths to usual values: 6.4, 23, 1200.
fn round(tenths: i64) -> i64 {
    match tenths {
        ..200 => tenths,
        200..1000 => tenths / 10 * 10,
        _ => tenths / 100 * 100,
    }
}

/// All numbers of the shop fit into an `i32`.
fn whole(number: i64) -> f64 {
    i32::try_from(number).map_or(0.0, f64::from)
}

fn description(random: &mut Random, kind: &Kind, name: &str) -> String {
    let count = 1 + random.below(2);
    let mut sentences = random.some(kind.sentences, count);
    if random.percent(60) {
        sentences.push(random.word(&CLOSING_SENTENCES));
    }
    sentences.join(" ").replace("{}", name)
}
