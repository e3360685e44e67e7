//! Rows of an import, and their outcome.

use super::{free, product, value};
use crate::domain::import::{Plan, Row, VariantRow};
use crate::domain::product::{Content, Product};
use crate::domain::value::{CodedValue, Held, Values};
use crate::domain::variant::{self, FIELDS, Variant};
use catalog_api::v1::{
    self as proto, ImportChunk, ImportChunkResult, ImportRow, ImportRowRefusal, ImportStart, Reason,
};
use chrono::DateTime;
use contracts::{Validate, Violation};
use convert::read;
use fault::{Common, Fault};
use kernel::digest::sha256;
use kernel::id::Id;
use kernel::name::fold;
use pg::outbox::MAX_EVENT_BYTES;
use prost::Message;

/// Most bytes of an aggregate: its event also holds the names of the changed fields.
const MAX_AGGREGATE_BYTES: usize = MAX_EVENT_BYTES - 1024;

/// Reads a row. Its own rules are checked here and not in the codec, so that the error policy decides what a broken one means.
pub fn row(sent: &ImportRow) -> Result<Row, Fault> {
    let violations = sent.violations();
    if !violations.is_empty() {
        return Err(Fault::invalid(violations));
    }
    let row = read(|fields| {
        let content = Content {
            key: Some(fields.name("key", &sent.key).unwrap_or_default()),
            title: fields.required_text("title", &sent.title).unwrap_or_default(),
            description: fields.text("description", &sent.description).unwrap_or_default(),
            status: product::status(sent.status()).unwrap_or_default(),
            specifications: free::free(fields, "specifications", sent.specifications.as_ref()),
            marketing_content: free::free(
                fields,
                "marketing_content",
                sent.marketing_content.as_ref(),
            ),
            tags: product::tags(fields, &sent.tags),
            images: product::images(fields, &sent.images),
            ..Content::default()
        };
        let brand = fields.optional_name("brand", &sent.brand);
        let given = value::given(fields, "tier2_attributes", &sent.tier2_attributes);
        let category_keys = fields.names("category_keys", &sent.category_keys);
        for (at, key) in sent.category_keys.iter().enumerate() {
            let same = |other: &String| fold(other) == fold(key);
            if sent.category_keys[..at].iter().any(same) {
                let path = format!("category_keys[{at}]");
                fields.note(Common::InvalidField, path, "comes twice");
            }
        }
        let variants = fields.each("variants", &sent.variants, |fields, draft| {
            let sku = fields.sku("sku", &draft.sku);
            let (content, given) = super::variant::draft(fields, draft, &FIELDS);
            Some(VariantRow { sku: sku?, content, given })
        });
        let (brand, category_keys, variants) = (brand?, category_keys?, variants?);
        let brand = brand.unwrap_or_default();
        Some(Row { content, brand, category_keys, given, variants })
    })?;
    row.check()?;
    weigh(sent, &row)?;
    Ok(row)
}

/// Refuses what would become a product or variant that no event has room for.
fn weigh(sent: &ImportRow, row: &Row) -> Result<(), Fault> {
    // Ids instead of names, at most 40 bytes each, never double it.
    if sent.encoded_len() <= MAX_AGGREGATE_BYTES / 2 {
        return Ok(());
    }
    let now = DateTime::UNIX_EPOCH;
    let content = Content {
        brand_id: (!row.brand.is_empty()).then(Id::new),
        category_ids: row.category_keys.iter().map(|_| Id::new()).collect(),
        values: undefined(&row.given),
        ..row.content.clone()
    };
    let (product, _) = Product::new(Id::new(), content, now);
    require_room(&proto::Product::from(&product))
        .map_err(|message| Fault::new(Common::EventTooLarge, message))?;
    for (at, own) in row.variants.iter().enumerate() {
        let content = variant::Content { values: undefined(&own.given), ..own.content.clone() };
        let (variant, _) = Variant::new(Id::new(), product.head.id, own.sku.clone(), content, now);
        require_room(&proto::Variant::from(&variant)).map_err(|message| {
            Fault::field(Common::EventTooLarge, format!("variants[{at}]"), message)
        })?;
    }
    Ok(())
}

fn undefined(given: &[CodedValue]) -> Values {
    let held = given.iter().map(|CodedValue { code, value }| Held {
        attribute_id: Id::new(),
        code: code.clone(),
        defining: false,
        value: value.clone(),
    });
    Values::new(held.collect())
}

fn require_room(aggregate: &impl Message) -> Result<(), String> {
    let bytes = aggregate.encoded_len();
    if bytes <= MAX_AGGREGATE_BYTES {
        return Ok(());
    }
    Err(format!("takes {bytes} bytes; its event has room for {MAX_AGGREGATE_BYTES}"))
}

/// The outcome of a chunk.
pub fn result(sequence: i64, plan: &Plan) -> ImportChunkResult {
    ImportChunkResult {
        sequence,
        created: plan.created,
        updated: plan.updated,
        unchanged: plan.unchanged,
        refused: i32::try_from(plan.refused.len()).unwrap_or(i32::MAX),
        refusals: plan.refused.iter().map(refusal).collect(),
        replayed: false,
    }
}

fn refusal((row, key, fault): &(usize, String, Fault)) -> ImportRowRefusal {
    ImportRowRefusal {
        row: i32::try_from(*row).unwrap_or(i32::MAX),
        key: key.clone(),
        reason: fault.reason().to_owned(),
        message: fault.message().to_owned(),
        fields: fault.violations().iter().map(|violation| violation.field.clone()).collect(),
    }
}

/// Digest by which a repeated start of an import is recognised.
pub fn start_digest(start: &ImportStart) -> [u8; 32] {
    let import_id = start.import_id.to_ascii_lowercase();
    sha256(&ImportStart { import_id, ..start.clone() }.encode_to_vec())
}

/// Digest by which a repeated chunk is recognised.
pub fn chunk_digest(chunk: &ImportChunk) -> [u8; 32] {
    sha256(&chunk.encode_to_vec())
}

/// Ends an import because of its first refused row. The other refusals of the chunk are left out: an error is sent in a header,
/// which is limited to a few kilobytes.
pub fn stopped((row, key, fault): &(usize, String, Fault)) -> Fault {
    let path = format!("chunk.rows[{row}]");
    let message = format!("{path} was refused with {}: {}", fault.reason(), fault.message());
    let violations = fault.violations().iter().map(|violation| Violation {
        field: format!("{path}.{}", violation.field),
        ..violation.clone()
    });
    Fault::new(Reason::ImportStopped, message)
        .violating(violations.collect())
        .with("row", row)
        .with("key", key)
        .with("reason", fault.reason())
}
