//! One line for each RPC: unwrap, call, wrap.

use crate::App;
use crate::rpc::{reconcile::reconcile, reindex::reindex, search_products::search_products};
use contracts::search::v1::search_service_server::SearchService;
use contracts::search::v1::{
    ReconcileRequest, ReconcileResponse, ReindexRequest, ReindexResponse, SearchProductsRequest,
    SearchProductsResponse,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl SearchService for App {
    async fn search_products(
        &self,
        request: Request<SearchProductsRequest>,
    ) -> Result<Response<SearchProductsResponse>, Status> {
        Ok(Response::new(search_products(self, request.into_inner()).await?))
    }

    async fn reindex(
        &self,
        request: Request<ReindexRequest>,
    ) -> Result<Response<ReindexResponse>, Status> {
        Ok(Response::new(reindex(self, request.into_inner()).await?))
    }

    async fn reconcile(
        &self,
        request: Request<ReconcileRequest>,
    ) -> Result<Response<ReconcileResponse>, Status> {
        Ok(Response::new(reconcile(self, request.into_inner()).await?))
    }
}
