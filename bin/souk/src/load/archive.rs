//! Archives the products that a full feed leaves out.

use super::caller::{Caller, call};
use super::pages::{PAGE_SIZE, with_retries};
use super::progress::Progress;
use super::retry;
use super::{Refused, Tally};
use anyhow::{Result, bail};
use catalog_api::v1::{
    ListProductsRequest, Product, ProductDraft, ProductStatus, UpdateProductRequest,
};
use prost_types::FieldMask;
use uuid::Uuid;

/// What to archive.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Count them and write nothing.
    pub dry_run: bool,
    /// Largest share of the products that may be archived, in percent.
    pub max_percent: u8,
}

/// Archives the products that have a key of their own which is not in the feed, and are not archived yet.
pub async fn archive_missing(
    caller: &Caller,
    is_in_feed: impl Fn(&str) -> bool,
    options: Options,
    progress: &mut Progress,
) -> Result<Tally> {
    let (missing, all) = missing(caller, is_in_feed).await?;
    if missing.len() as u128 * 100 > u128::from(all) * u128::from(options.max_percent) {
        bail!(
            "{} of {all} products are not in the file, more than {} % (--max-archived); nothing was archived",
            missing.len(),
            options.max_percent
        );
    }
    let mut tally = Tally::default();
    for product in missing {
        if options.dry_run {
            tally.updated += 1;
        } else {
            archive(caller, product, progress, &mut tally).await;
        }
    }
    Ok(tally)
}

/// Those that are missing, and how many products have a key and are not archived.
async fn missing(
    caller: &Caller,
    is_in_feed: impl Fn(&str) -> bool,
) -> Result<(Vec<Product>, u64)> {
    let (mut missing, mut all, mut page_token) = (Vec::new(), 0, String::new());
    loop {
        let request =
            ListProductsRequest { page_size: PAGE_SIZE, page_token, ..Default::default() };
        let list = async || caller.catalog.clone().list_products(call(request.clone())).await;
        let page = with_retries("list products", list).await?;
        for product in page.products {
            if product.key.is_empty() || product.status() == ProductStatus::Archived {
                continue;
            }
            all += 1;
            if !is_in_feed(&product.key) {
                // Its texts are not needed.
                missing.push(Product {
                    product_id: product.product_id,
                    key: product.key,
                    version: product.version,
                    ..Product::default()
                });
            }
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok((missing, all));
        }
    }
}

/// A product that was changed since it was listed is left as it is.
async fn archive(caller: &Caller, product: Product, progress: &mut Progress, tally: &mut Tally) {
    let status = ProductStatus::Archived.into();
    let request = UpdateProductRequest {
        product_id: product.product_id,
        product: Some(ProductDraft { status, ..ProductDraft::default() }),
        update_mask: Some(FieldMask { paths: vec!["status".to_owned()] }),
        expected_version: Some(product.version),
        request_id: Uuid::now_v7().to_string(),
    };
    let update = async || caller.catalog.clone().update_product(call(request.clone())).await;
    match retry::with_retries(update).await {
        Ok(_) => tally.updated += 1,
        Err(fault) => {
            let (reason, message) = (fault.reason().to_owned(), fault.message().to_owned());
            progress.refused(Refused { line: 0, key: product.key, reason, message });
            // All rows are settled by now.
            progress.settle(u64::MAX);
            tally.refused += 1;
        }
    }
}
