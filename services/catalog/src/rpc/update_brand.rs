//! Renames a brand.

use crate::App;
use crate::domain::brand::Brand;
use crate::store::brands;
use catalog_api::v1::{UpdateBrandRequest, UpdateBrandResponse};
use convert::read;
use fault::Fault;
use pg::entity;

/// Gives a brand a name that no other has.
pub async fn update_brand(
    app: &App,
    request: UpdateBrandRequest,
) -> Result<UpdateBrandResponse, Fault> {
    let (id, name) = read(|fields| {
        let id = fields.id("brand_id", &request.brand_id);
        id.zip(fields.name("name", &request.name))
    })?;
    let (name, expected) = (&name, request.expected_version);
    app.db
        .write_once(&request, async move |tx| {
            let mut brand: Brand = entity::lock(tx, id).await?;
            let taken = brands::is_taken(tx, name, id).await?;
            let change = brand.rename(name.clone(), taken, expected, tx.now().await?)?;
            entity::save(tx, &brand, change.as_ref()).await?;
            Ok(UpdateBrandResponse { brand: Some((&brand).into()) })
        })
        .await
}
