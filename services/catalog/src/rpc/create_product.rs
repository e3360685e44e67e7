//! Creates a product with its first variants.

use crate::domain::product::{self, Product};
use crate::domain::value::Given;
use crate::domain::variant::{self, Content, Variant, options_taken, sku_taken};
use crate::store::{attributes, products, variants};
use crate::{App, wire};
use contracts::catalog::v1::{CreateProductRequest, CreateProductResponse};
use fault::Fault;
use kernel::id::Id;
use kernel::sku::Sku;
use std::collections::HashSet;

const METHOD: &str = "catalog.create_product";

/// Creates a product and 1 to 100 variants in one transaction.
pub async fn create_product(
    app: &App,
    request: CreateProductRequest,
) -> Result<CreateProductResponse, Fault> {
    let draft = wire::present("product", request.product.as_ref())?;
    let (content, given) = &wire::product::draft(draft, &product::FIELDS)?;
    let drafts = &drafts(&request)?;
    app.db
        .write_once(METHOD, &request, async move |tx| {
            let all = given.iter().chain(drafts.iter().flat_map(|draft| &draft.given));
            let definitions = attributes::hold(tx, all).await?;
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
                if taken.contains_key(&draft.sku) || !skus.insert(&draft.sku) {
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
            products::save(tx, &product, Some(&created)).await?;
            let changes: Vec<_> = made.iter().map(|(variant, change)| (variant, change)).collect();
            variants::save_all(tx, &changes).await?;
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
    given: Vec<Given>,
}

fn drafts(request: &CreateProductRequest) -> Result<Vec<Draft>, Fault> {
    let read = request.variants.iter().enumerate().map(|(at, draft)| {
        let path = format!("variants[{at}]");
        let sku = wire::variant::sku(&path, &draft.sku)?;
        let (content, given) = wire::variant::draft(&path, draft, &variant::FIELDS)?;
        Ok(Draft { sku, content, given })
    });
    read.collect()
}
