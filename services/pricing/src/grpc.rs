//! The RPCs, one line each.

use crate::App;
use crate::rpc::{
    batch_get_prices::batch_get_prices, bulk_set_prices::bulk_set_prices,
    delete_price::delete_price, get_price::get_price, list_prices::list_prices,
    list_versions::list_versions, republish_prices::republish_prices, set_price::set_price,
};
use contracts::pricing::v1::pricing_service_server::PricingService;
use contracts::pricing::v1::{
    BatchGetPricesRequest, BatchGetPricesResponse, BulkSetPricesRequest, BulkSetPricesResponse,
    DeletePriceRequest, DeletePriceResponse, GetPriceRequest, GetPriceResponse, ListPricesRequest,
    ListPricesResponse, ListVersionsRequest, ListVersionsResponse, RepublishPricesRequest,
    RepublishPricesResponse, SetPriceRequest, SetPriceResponse,
};
use tonic::{Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl PricingService for App {
    async fn set_price(&self, call: Request<SetPriceRequest>) -> Answer<SetPriceResponse> {
        Ok(Response::new(set_price(self, call.into_inner()).await?))
    }

    async fn bulk_set_prices(
        &self,
        call: Request<BulkSetPricesRequest>,
    ) -> Answer<BulkSetPricesResponse> {
        Ok(Response::new(bulk_set_prices(self, call.into_inner()).await?))
    }

    async fn get_price(&self, call: Request<GetPriceRequest>) -> Answer<GetPriceResponse> {
        Ok(Response::new(get_price(self, call.into_inner()).await?))
    }

    async fn batch_get_prices(
        &self,
        call: Request<BatchGetPricesRequest>,
    ) -> Answer<BatchGetPricesResponse> {
        Ok(Response::new(batch_get_prices(self, call.into_inner()).await?))
    }

    async fn list_prices(&self, call: Request<ListPricesRequest>) -> Answer<ListPricesResponse> {
        Ok(Response::new(list_prices(self, call.into_inner()).await?))
    }

    async fn delete_price(&self, call: Request<DeletePriceRequest>) -> Answer<DeletePriceResponse> {
        Ok(Response::new(delete_price(self, call.into_inner()).await?))
    }

    async fn list_versions(
        &self,
        call: Request<ListVersionsRequest>,
    ) -> Answer<ListVersionsResponse> {
        Ok(Response::new(list_versions(self, call.into_inner()).await?))
    }

    async fn republish_prices(
        &self,
        call: Request<RepublishPricesRequest>,
    ) -> Answer<RepublishPricesResponse> {
        Ok(Response::new(republish_prices(self, call.into_inner()).await?))
    }
}
