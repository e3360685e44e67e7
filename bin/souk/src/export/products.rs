//! Products with their variants, as `ImportRow`.

use super::Writer;
use crate::load::caller::{Caller, call};
use crate::load::entries::{all_brands, all_categories};
use crate::load::pages::{PAGE_SIZE, all_pages, with_retries};
use crate::load::progress::Progress;
use anyhow::{Context, Result};
use catalog_api::v1::{
    ImportRow, ListProductsRequest, ListVariantsRequest, Product, Tier1Attributes, Variant,
    VariantDraft,
};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::HashMap;

/// How many products' variants are listed at once.
const CONCURRENCY: usize = 8;

/// Names of what products refer to, by id.
struct Names {
    brands: HashMap<String, String>,
    categories: HashMap<String, String>,
}

/// Writes all products, by the order of their creation. Returns how many have no key of their own: their ids stand for it.
pub async fn export(caller: &Caller, out: &mut Writer, progress: &mut Progress) -> Result<u64> {
    let names = names(caller).await?;
    let (mut without_key, mut page_token) = (0, String::new());
    loop {
        let request =
            ListProductsRequest { page_size: PAGE_SIZE, page_token, ..Default::default() };
        let list = async || caller.catalog.clone().list_products(call(request.clone())).await;
        let page = with_retries("list products", list).await?;
        let mut products = stream::iter(page.products)
            .map(async |product| {
                let variants = variants(caller, &product.product_id).await?;
                anyhow::Ok((product, variants))
            })
            .buffered(CONCURRENCY);
        while let Some((product, variants)) = products.try_next().await? {
            without_key += u64::from(product.key.is_empty());
            out.write(&row(product, variants, &names)?)?;
            progress.add(1);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(without_key);
        }
    }
}

async fn names(caller: &Caller) -> Result<Names> {
    let (brands, categories) = (all_brands(caller).await?, all_categories(caller).await?);
    Ok(Names {
        brands: brands.into_iter().map(|own| (own.brand_id, own.name)).collect(),
        categories: categories.into_iter().map(|own| (own.category_id, own.key)).collect(),
    })
}

async fn variants(caller: &Caller, product_id: &str) -> Result<Vec<Variant>> {
    all_pages(async |page_token| {
        let product_id = product_id.to_owned();
        let request = ListVariantsRequest { page_size: PAGE_SIZE, page_token, product_id };
        let list = async || caller.catalog.clone().list_variants(call(request.clone())).await;
        let page = with_retries("list variants", list).await?;
        Ok((page.variants, page.next_page_token))
    })
    .await
}

fn row(product: Product, variants: Vec<Variant>, names: &Names) -> Result<ImportRow> {
    let created = "a product names what was created during the export; repeat it";
    let brand = match product.brand_id.as_str() {
        "" => String::new(),
        id => names.brands.get(id).context(created)?.clone(),
    };
    let keys = product.category_ids.iter().map(|id| names.categories.get(id).cloned());
    let mut category_keys = keys.collect::<Option<Vec<String>>>().context(created)?;
    category_keys.sort_unstable();
    Ok(ImportRow {
        key: if product.key.is_empty() { product.product_id } else { product.key },
        title: product.title,
        description: product.description,
        brand,
        category_keys,
        status: product.status,
        tier2_attributes: product.tier2_attributes,
        specifications: product.specifications,
        marketing_content: product.marketing_content,
        tags: product.tags,
        images: product.images,
        variants: variants.into_iter().map(draft).collect(),
    })
}

fn draft(variant: Variant) -> VariantDraft {
    let tier1_attributes =
        variant.tier1_attributes.filter(|own| *own != Tier1Attributes::default());
    VariantDraft {
        sku: variant.sku,
        tier1_attributes,
        tier2_attributes: variant.tier2_attributes,
        specifications: variant.specifications,
        marketing_content: variant.marketing_content,
    }
}
