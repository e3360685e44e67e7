//! Returns one variant.

use crate::store::variants;
use crate::{App, wire};
use contracts::catalog::v1::get_variant_request::Name;
use contracts::catalog::v1::{GetVariantRequest, GetVariantResponse};
use fault::Fault;
use kernel::sku::Sku;

const METHOD: &str = "catalog.get_variant";

/// A variant that exists, by its id or its SKU.
pub async fn get_variant(
    app: &App,
    request: GetVariantRequest,
) -> Result<GetVariantResponse, Fault> {
    let variant = match wire::present("name", request.name)? {
        Name::VariantId(id) => {
            let id = wire::id("variant_id", &id)?;
            app.db.read(METHOD, async move |tx| variants::get(tx, id).await).await?
        }
        Name::Sku(sku) => {
            // What is no SKU is no variant's either.
            let sku = &Sku::parse(&sku).map_err(|_| variants::not_found("of this SKU"))?;
            app.db.read(METHOD, async move |tx| variants::get_by_sku(tx, sku).await).await?
        }
    };
    Ok(GetVariantResponse { variant: Some((&variant).into()) })
}
