use crate::client::Client;
use contracts::PageRequest;
use futures::stream::{Stream, try_unfold};
use http::uri::PathAndQuery;
use tonic::{IntoRequest, Status};
use tonic_prost::ProstCodec;

impl Client {
    /// All pages of a list, one after the other as they are read. A change between two pages neither repeats nor skips what did not
    /// change.
    ///
    /// ```no_run
    /// use futures::TryStreamExt;
    /// use souk_client::catalog::v1::ListBrandsRequest;
    ///
    /// # async fn example(souk: souk_client::Client) -> Result<(), tonic::Status> {
    /// let mut pages = std::pin::pin!(souk.pages(ListBrandsRequest::default()));
    /// while let Some(page) = pages.try_next().await? {
    ///     page.brands.iter().for_each(|brand| println!("{}", brand.name));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn pages<R: PageRequest + 'static>(
        &self,
        first: R,
    ) -> impl Stream<Item = Result<R::Response, Status>> + Send + use<R>
    where
        R::Response: 'static,
    {
        let client = self.clone();
        try_unfold(Some(first), move |next| {
            let client = client.clone();
            async move {
                let Some(request) = next else { return Ok(None) };
                let page = client.page(&request).await?;
                let token = R::next_page_token(&page);
                let next = (!token.is_empty()).then(|| request.with_page_token(token.to_owned()));
                Ok(Some((page, next)))
            }
        })
    }

    async fn page<R: PageRequest + 'static>(&self, request: &R) -> Result<R::Response, Status>
    where
        R::Response: 'static,
    {
        let mut grpc = tonic::client::Grpc::new(self.of(R::PATH));
        grpc.ready().await.map_err(Status::from_error)?;
        let codec = ProstCodec::<R, R::Response>::default();
        let path = PathAndQuery::from_static(R::PATH);
        // Every page asks the same but for the token.
        let request = request.with_page_token(request.page_token().to_owned()).into_request();
        Ok(grpc.unary(request, path, codec).await?.into_inner())
    }
}
