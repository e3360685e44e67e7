//! Returns one variant.

use crate::App;
use crate::domain::variant::Variant;
use crate::store::variants;
use catalog_api::v1::get_variant_request::Name;
use catalog_api::v1::{GetVariantRequest, GetVariantResponse};
use contracts::Rpc;
use convert::read;
use fault::Fault;
use kernel::sku::Sku;
use pg::entity;

/// A variant that exists, by its id or its SKU.
pub async fn get_variant(
    app: &App,
    request: GetVariantRequest,
) -> Result<GetVariantResponse, Fault> {
    let method = GetVariantRequest::METHOD;
    let variant: Variant = match read(|fields| fields.required("name", request.name))? {
        Name::VariantId(id) => {
            let id = read(|fields| fields.id("variant_id", &id))?;
            app.db.look_up(method, async move |tx| entity::get(tx, id).await).await?
        }
        Name::Sku(sku) => {
            // What is no SKU is no variant's either.
            let sku = &Sku::parse(&sku).map_err(|_| variants::not_found("of this SKU"))?;
            app.db.look_up(method, async move |tx| variants::get_by_sku(tx, sku).await).await?
        }
    };
    Ok(GetVariantResponse { variant: Some((&variant).into()) })
}
