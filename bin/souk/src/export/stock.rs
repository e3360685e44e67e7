//! Stock, as `StockUpdate`: what is on hand and what is set of each level.

use super::Writer;
use crate::load::caller::{Caller, call};
use crate::load::pages::{PAGE_SIZE, all_pages, with_retries};
use crate::load::progress::Progress;
use anyhow::Result;
use std::collections::HashMap;
use warehouse_api::v1::stock_update::Change;
use warehouse_api::v1::{ListStockRequest, ListWarehousesRequest, Stock, StockUpdate};

/// Writes all levels of warehouses that exist, by the order of their creation.
pub async fn export(caller: &Caller, out: &mut Writer, progress: &mut Progress) -> Result<()> {
    let codes = codes(caller).await?;
    let mut page_token = String::new();
    loop {
        let request = ListStockRequest { page_size: PAGE_SIZE, page_token, ..Default::default() };
        let list = async || caller.warehouse.clone().list_stock(call(request.clone())).await;
        let page = with_retries("list stock", list).await?;
        for stock in page.stock {
            // Levels of a warehouse that was deleted are empty.
            if let Some(code) = codes.get(&stock.warehouse_id) {
                out.write(&row(stock, code))?;
                progress.add(1);
            }
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
    }
}

/// The codes of warehouses by their ids.
pub async fn codes(caller: &Caller) -> Result<HashMap<String, String>> {
    let all = all_pages(async |page_token| {
        let request =
            ListWarehousesRequest { page_size: PAGE_SIZE, page_token, ..Default::default() };
        let list = async || caller.warehouse.clone().list_warehouses(call(request.clone())).await;
        let page = with_retries("list warehouses", list).await?;
        let codes = page.warehouses.into_iter().map(|own| (own.warehouse_id, own.code)).collect();
        Ok((codes, page.next_page_token))
    });
    Ok(all.await?.into_iter().collect())
}

fn row(stock: Stock, code: &str) -> StockUpdate {
    StockUpdate {
        sku: stock.sku,
        warehouse_code: code.to_owned(),
        change: Some(Change::Set(stock.on_hand)),
        safety_stock: Some(stock.safety_stock),
        backorder_limit: Some(stock.backorder_limit),
        ..StockUpdate::default()
    }
}
