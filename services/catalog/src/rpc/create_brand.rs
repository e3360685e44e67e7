//! Creates a brand.

use crate::App;
use crate::domain::brand::Brand;
use crate::store::brands;
use catalog_api::v1::{CreateBrandRequest, CreateBrandResponse};
use convert::read;
use fault::Fault;
use kernel::id::Id;
use pg::entity;

/// Creates a brand whose name no other has.
pub async fn create_brand(
    app: &App,
    request: CreateBrandRequest,
) -> Result<CreateBrandResponse, Fault> {
    let name = &read(|fields| fields.name("name", &request.name))?;
    app.db
        .write_once(&request, async move |tx| {
            let id = Id::new();
            let taken = brands::is_taken(tx, name, id).await?;
            let (brand, created) = Brand::create(id, name.clone(), taken, tx.now().await?)?;
            entity::save(tx, &brand, Some(&created)).await?;
            Ok(CreateBrandResponse { brand: Some((&brand).into()) })
        })
        .await
}
