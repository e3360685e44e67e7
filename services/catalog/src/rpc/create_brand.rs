//! Creates a brand.

use crate::domain::brand::Brand;
use crate::store::brands;
use crate::{App, wire};
use contracts::catalog::v1::{CreateBrandRequest, CreateBrandResponse};
use fault::Fault;
use kernel::id::Id;

/// Creates a brand whose name no other has.
pub async fn create_brand(
    app: &App,
    request: CreateBrandRequest,
) -> Result<CreateBrandResponse, Fault> {
    let name = &wire::brand::name(&request.name)?;
    app.db
        .write_once("catalog.create_brand", &request, async move |tx| {
            let id = Id::new();
            let taken = brands::is_taken(tx, name, id).await?;
            let (brand, created) = Brand::create(id, name.clone(), taken, tx.now().await?)?;
            brands::save(tx, &brand, Some(&created)).await?;
            Ok(CreateBrandResponse { brand: Some((&brand).into()) })
        })
        .await
}
