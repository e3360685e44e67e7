//! Creates a product with its first variants.

use crate::domain::product::{self, Product};
use crate::domain::value::CodedValue;
use crate::domain::variant::{self, Content, Variant, options_taken, sku_taken, sku_twice};
use crate::store::{attributes, products, variants};
use crate::{App, wire};
use catalog_api::v1::{CreateProductRequest, CreateProductResponse, VariantDraft};
use convert::{Fields, read};
use fault::Fault;
use kernel::id::Id;
use kernel::sku::Sku;
use pg::entity;
use std::collections::HashSet;

/// Creates a product and 1 to 100 variants in one transaction.
pub async fn create_product(
    app: &App,
    request: CreateProductRequest,
) -> Result<CreateProductResponse, Fault> {
    let ((content, given), drafts) = read(|fields| {
        let product = fields.message("product", request.product.as_ref(), |fields, draft| {
            Some(wire::product::draft(fields, draft, &product::FIELDS))
        });
        product.zip(fields.each("variants", &request.variants, draft))
    })?;
    let (content, given, drafts): (_, _, &Vec<Draft>) = (&content, &given, &drafts);
    app.db
        .write_once(&request, async move |tx| {
            let all = given.iter().chain(drafts.iter().flat_map(|draft| &draft.given));
            let definitions = attributes::lock_references(tx, all).await?;
            let id = Id::new();
            let references = products::references(tx, content, id).await?;
            let taken =
                variants::states(tx, &drafts.iter().map(|own| own.sku.clone()).collect::<Vec<_>>())
                    .await?;
            let now = tx.now().await?;
            let values = definitions.check(given, "product.tier2_attributes")?;
            let content = product::Content { values, ..content.clone() };
            let (product, created) = Product::create(id, content, &references, now)?;
            let (mut made, mut skus, mut options) = (Vec::new(), HashSet::new(), HashSet::new());
            for (at, draft) in drafts.iter().enumerate() {
                let path = format!("variants[{at}]");
                if !skus.insert(&draft.sku) {
                    return Err(sku_twice(&draft.sku).below(&path));
                }
                if taken.contains_key(&draft.sku) {
                    return Err(sku_taken(&draft.sku).below(&path));
                }
                let values =
                    definitions.check(&draft.given, &format!("{path}.tier2_attributes"))?;
                let content = Content { values, ..draft.content.clone() };
                if !options.insert(content.options()) {
                    return Err(options_taken().below(&path));
                }
                made.push(Variant::new(Id::new(), id, draft.sku.clone(), content, now));
            }
            entity::save(tx, &product, Some(&created)).await?;
            let changes: Vec<_> = made.iter().map(|(variant, change)| (variant, change)).collect();
            entity::save_all(tx, &changes).await?;
            Ok(CreateProductResponse {
                product: Some((&product).into()),
                variants: made.iter().map(|(variant, _)| variant.into()).collect(),
            })
        })
        .await
}

struct Draft {
    sku: Sku,
    content: Content,
    given: Vec<CodedValue>,
}

fn draft(fields: &mut Fields, draft: &VariantDraft) -> Option<Draft> {
    let sku = fields.sku("sku", &draft.sku);
    let (content, given) = wire::variant::draft(fields, draft, &variant::FIELDS);
    Some(Draft { sku: sku?, content, given })
}
