//! Returns one operation.

use super::Operations;
use contracts::operations::v1::{GetOperationRequest, GetOperationResponse, Reason};
use fault::Fault;
use uuid::Uuid;

/// Finds an operation by its name, `<service>/<kind>/<uuid>`.
pub(super) async fn get_operation(
    app: &Operations,
    request: GetOperationRequest,
) -> Result<GetOperationResponse, Fault> {
    let name = &request.name;
    let unknown = || Fault::new(Reason::OperationNotFound, format!("no operation {name}"));
    let mut parts = name.splitn(3, '/');
    let (Some(service), Some(kind), Some(id)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(unknown());
    };
    let id = Uuid::parse_str(id).map_err(|_| unknown())?;
    let db = app.database(service).map_err(|_| unknown())?;
    let operation = db.operation(kind, id).await?;
    Ok(GetOperationResponse { operation: Some(operation.message(service)) })
}
