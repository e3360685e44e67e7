//! `souk.operations.v1`, mounted once in each process: it finds the service by the first part of an operation's name.

use crate::Paging;
use contracts::operations::v1::operations_service_server::OperationsService;
use contracts::operations::v1::{
    GetOperationRequest, GetOperationResponse, ListOperationsRequest, ListOperationsResponse,
    Reason,
};
use fault::Fault;
use pg::Db;
use std::collections::BTreeMap;
use tonic::{Request, Response, Status};
use uuid::Uuid;

const LIST: &str = "/souk.operations.v1.OperationsService/ListOperations";

/// The operations of the services of this process.
#[derive(Clone)]
pub struct Operations {
    databases: BTreeMap<&'static str, Db>,
    paging: Paging,
}

impl Operations {
    /// Of the services with these databases.
    pub fn new(databases: impl IntoIterator<Item = Db>, paging: Paging) -> Self {
        Self { databases: databases.into_iter().map(|db| (db.service(), db)).collect(), paging }
    }

    async fn get(&self, name: &str) -> Result<GetOperationResponse, Fault> {
        let unknown = || Fault::new(Reason::OperationNotFound, format!("no operation {name}"));
        let mut parts = name.splitn(3, '/');
        let (Some(service), Some(kind), Some(id)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(unknown());
        };
        let id = Uuid::parse_str(id).map_err(|_| unknown())?;
        let db = self.databases.get(service).ok_or_else(unknown)?;
        let operation = db.operation(kind, id).await?;
        Ok(GetOperationResponse { operation: Some(operation.message(service)) })
    }

    async fn list(
        &self,
        mut request: ListOperationsRequest,
    ) -> Result<ListOperationsResponse, Fault> {
        let token = std::mem::take(&mut request.page_token);
        let size = Paging::size(std::mem::take(&mut request.page_size))?;
        let db = self.databases.get(request.service.as_str()).ok_or_else(|| {
            let message = format!("{} is not served by this process", request.service);
            Fault::field(Reason::ServiceUnknown, "service", message)
        })?;
        let before = self.paging.after(LIST, &request, &token)?;
        let mut page = db.operations(before, size.rows()).await?;
        let last = size.cut(&mut page).map(|operation| operation.id);
        let next_page_token = self.paging.next(LIST, &request, last);
        let operations =
            page.into_iter().map(|operation| operation.message(db.service())).collect();
        Ok(ListOperationsResponse { operations, next_page_token })
    }
}

#[tonic::async_trait]
impl OperationsService for Operations {
    async fn get_operation(
        &self,
        request: Request<GetOperationRequest>,
    ) -> Result<Response<GetOperationResponse>, Status> {
        Ok(Response::new(self.get(&request.into_inner().name).await?))
    }

    async fn list_operations(
        &self,
        request: Request<ListOperationsRequest>,
    ) -> Result<Response<ListOperationsResponse>, Status> {
        Ok(Response::new(self.list(request.into_inner()).await?))
    }
}
