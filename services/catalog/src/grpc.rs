//! The RPCs, one line each.

use crate::{App, rpc};
use contracts::catalog::v1::catalog_service_server::CatalogService;
use contracts::catalog::v1::{
    BatchGetProductsRequest, BatchGetProductsResponse, CreateBrandRequest, CreateBrandResponse,
    CreateCategoryRequest, CreateCategoryResponse, CreateProductRequest, CreateProductResponse,
    CreateVariantRequest, CreateVariantResponse, DefineAttributeRequest, DefineAttributeResponse,
    DeleteBrandRequest, DeleteBrandResponse, DeleteCategoryRequest, DeleteCategoryResponse,
    DeleteProductRequest, DeleteProductResponse, DeleteVariantRequest, DeleteVariantResponse,
    GetBrandRequest, GetBrandResponse, GetCategoryRequest, GetCategoryResponse, GetProductRequest,
    GetProductResponse, GetVariantRequest, GetVariantResponse, ImportProductsRequest,
    ImportProductsResponse, ListAttributesRequest, ListAttributesResponse, ListBrandsRequest,
    ListBrandsResponse, ListCategoriesRequest, ListCategoriesResponse, ListProductsRequest,
    ListProductsResponse, ListVariantsRequest, ListVariantsResponse, ListVersionsRequest,
    ListVersionsResponse, RepublishAggregatesRequest, RepublishAggregatesResponse,
    ResolveItemsRequest, ResolveItemsResponse, UpdateBrandRequest, UpdateBrandResponse,
    UpdateCategoryRequest, UpdateCategoryResponse, UpdateProductRequest, UpdateProductResponse,
    UpdateVariantRequest, UpdateVariantResponse,
};
use futures::stream::BoxStream;
use tonic::{Request, Response, Status, Streaming};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl CatalogService for App {
    type ImportProductsStream = BoxStream<'static, Result<ImportProductsResponse, Status>>;

    async fn create_product(
        &self,
        call: Request<CreateProductRequest>,
    ) -> Answer<CreateProductResponse> {
        Ok(Response::new(rpc::create_product::create_product(self, call.into_inner()).await?))
    }

    async fn get_product(&self, call: Request<GetProductRequest>) -> Answer<GetProductResponse> {
        Ok(Response::new(rpc::get_product::get_product(self, call.into_inner()).await?))
    }

    async fn batch_get_products(
        &self,
        call: Request<BatchGetProductsRequest>,
    ) -> Answer<BatchGetProductsResponse> {
        Ok(Response::new(
            rpc::batch_get_products::batch_get_products(self, call.into_inner()).await?,
        ))
    }

    async fn list_products(
        &self,
        call: Request<ListProductsRequest>,
    ) -> Answer<ListProductsResponse> {
        Ok(Response::new(rpc::list_products::list_products(self, call.into_inner()).await?))
    }

    async fn update_product(
        &self,
        call: Request<UpdateProductRequest>,
    ) -> Answer<UpdateProductResponse> {
        Ok(Response::new(rpc::update_product::update_product(self, call.into_inner()).await?))
    }

    async fn delete_product(
        &self,
        call: Request<DeleteProductRequest>,
    ) -> Answer<DeleteProductResponse> {
        Ok(Response::new(rpc::delete_product::delete_product(self, call.into_inner()).await?))
    }

    async fn create_variant(
        &self,
        call: Request<CreateVariantRequest>,
    ) -> Answer<CreateVariantResponse> {
        Ok(Response::new(rpc::create_variant::create_variant(self, call.into_inner()).await?))
    }

    async fn get_variant(&self, call: Request<GetVariantRequest>) -> Answer<GetVariantResponse> {
        Ok(Response::new(rpc::get_variant::get_variant(self, call.into_inner()).await?))
    }

    async fn list_variants(
        &self,
        call: Request<ListVariantsRequest>,
    ) -> Answer<ListVariantsResponse> {
        Ok(Response::new(rpc::list_variants::list_variants(self, call.into_inner()).await?))
    }

    async fn update_variant(
        &self,
        call: Request<UpdateVariantRequest>,
    ) -> Answer<UpdateVariantResponse> {
        Ok(Response::new(rpc::update_variant::update_variant(self, call.into_inner()).await?))
    }

    async fn delete_variant(
        &self,
        call: Request<DeleteVariantRequest>,
    ) -> Answer<DeleteVariantResponse> {
        Ok(Response::new(rpc::delete_variant::delete_variant(self, call.into_inner()).await?))
    }

    async fn create_category(
        &self,
        call: Request<CreateCategoryRequest>,
    ) -> Answer<CreateCategoryResponse> {
        Ok(Response::new(rpc::create_category::create_category(self, call.into_inner()).await?))
    }

    async fn get_category(&self, call: Request<GetCategoryRequest>) -> Answer<GetCategoryResponse> {
        Ok(Response::new(rpc::get_category::get_category(self, call.into_inner()).await?))
    }

    async fn list_categories(
        &self,
        call: Request<ListCategoriesRequest>,
    ) -> Answer<ListCategoriesResponse> {
        Ok(Response::new(rpc::list_categories::list_categories(self, call.into_inner()).await?))
    }

    async fn update_category(
        &self,
        call: Request<UpdateCategoryRequest>,
    ) -> Answer<UpdateCategoryResponse> {
        Ok(Response::new(rpc::update_category::update_category(self, call.into_inner()).await?))
    }

    async fn delete_category(
        &self,
        call: Request<DeleteCategoryRequest>,
    ) -> Answer<DeleteCategoryResponse> {
        Ok(Response::new(rpc::delete_category::delete_category(self, call.into_inner()).await?))
    }

    async fn create_brand(&self, call: Request<CreateBrandRequest>) -> Answer<CreateBrandResponse> {
        Ok(Response::new(rpc::create_brand::create_brand(self, call.into_inner()).await?))
    }

    async fn get_brand(&self, call: Request<GetBrandRequest>) -> Answer<GetBrandResponse> {
        Ok(Response::new(rpc::get_brand::get_brand(self, call.into_inner()).await?))
    }

    async fn list_brands(&self, call: Request<ListBrandsRequest>) -> Answer<ListBrandsResponse> {
        Ok(Response::new(rpc::list_brands::list_brands(self, call.into_inner()).await?))
    }

    async fn update_brand(&self, call: Request<UpdateBrandRequest>) -> Answer<UpdateBrandResponse> {
        Ok(Response::new(rpc::update_brand::update_brand(self, call.into_inner()).await?))
    }

    async fn delete_brand(&self, call: Request<DeleteBrandRequest>) -> Answer<DeleteBrandResponse> {
        Ok(Response::new(rpc::delete_brand::delete_brand(self, call.into_inner()).await?))
    }

    async fn define_attribute(
        &self,
        call: Request<DefineAttributeRequest>,
    ) -> Answer<DefineAttributeResponse> {
        Ok(Response::new(rpc::define_attribute::define_attribute(self, call.into_inner()).await?))
    }

    async fn list_attributes(
        &self,
        call: Request<ListAttributesRequest>,
    ) -> Answer<ListAttributesResponse> {
        Ok(Response::new(rpc::list_attributes::list_attributes(self, call.into_inner()).await?))
    }

    async fn resolve_items(
        &self,
        call: Request<ResolveItemsRequest>,
    ) -> Answer<ResolveItemsResponse> {
        Ok(Response::new(rpc::resolve_items::resolve_items(self, call.into_inner()).await?))
    }

    async fn list_versions(
        &self,
        call: Request<ListVersionsRequest>,
    ) -> Answer<ListVersionsResponse> {
        Ok(Response::new(rpc::list_versions::list_versions(self, call.into_inner()).await?))
    }

    async fn republish_aggregates(
        &self,
        call: Request<RepublishAggregatesRequest>,
    ) -> Answer<RepublishAggregatesResponse> {
        let request = call.into_inner();
        Ok(Response::new(rpc::republish_aggregates::republish_aggregates(self, request).await?))
    }

    async fn import_products(
        &self,
        call: Request<Streaming<ImportProductsRequest>>,
    ) -> Answer<Self::ImportProductsStream> {
        let answers = rpc::import_products::import_products(self.clone(), call.into_inner());
        Ok(Response::new(Box::pin(answers)))
    }
}
