//! One line for each RPC: unwrap, call, wrap.

use crate::App;
use crate::rpc::{check_drift::check_drift, reindex::reindex, search_products::search_products};
use contracts::search::v1::search_service_server::SearchService;
use contracts::search::v1::{
    CheckDriftRequest, CheckDriftResponse, ReindexRequest, ReindexResponse, SearchProductsRequest,
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

    async fn check_drift(
        &self,
        request: Request<CheckDriftRequest>,
    ) -> Result<Response<CheckDriftResponse>, Status> {
        Ok(Response::new(check_drift(self, request.into_inner()).await?))
    }
}
