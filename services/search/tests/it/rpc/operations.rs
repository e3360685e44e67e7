use crate::shop::{ALL, ended};
use contracts::operations::v1::{GetOperationRequest, ListOperationsRequest};
use search_api::v1::ReindexRequest;
use testkit::{Mesh, reason};

#[tokio::test(flavor = "multi_thread")]
async fn operations_are_listed_newest_first_and_page_by_page() {
    let mesh = Mesh::boot(&ALL).await;
    let mut names = Vec::new();
    for _ in 0..3 {
        let started = mesh.search().reindex(ReindexRequest::default()).await.unwrap();
        let operation = started.into_inner().operation.unwrap();
        names.insert(0, operation.name.clone());
        ended(&mesh, operation).await;
    }
    let mut request =
        ListOperationsRequest { service: "search".into(), page_size: 2, ..Default::default() };
    let first = mesh.operations().list_operations(request.clone()).await.unwrap().into_inner();
    request.page_token = first.next_page_token.clone();
    let second = mesh.operations().list_operations(request).await.unwrap().into_inner();
    let listed = first.operations.iter().chain(&second.operations);
    assert_eq!(listed.map(|operation| operation.name.clone()).collect::<Vec<_>>(), names);
    assert!(second.next_page_token.is_empty());
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_operation_or_service_is_refused() {
    let mesh = Mesh::boot(&ALL).await;
    let mut operations = mesh.operations();
    for name in [
        "nonsense",
        "search/reindex/nonsense",
        "search/reindex/019ab000-0000-7000-8000-000000000000",
    ] {
        let request = GetOperationRequest { name: name.to_owned() };
        let refused = operations.get_operation(request).await.unwrap_err();
        assert_eq!(reason(&refused), "OPERATION_NOT_FOUND");
    }
    let request = ListOperationsRequest { service: "unknown".into(), ..Default::default() };
    assert_eq!(reason(&operations.list_operations(request).await.unwrap_err()), "SERVICE_UNKNOWN");
    let request = ListOperationsRequest {
        service: "search".into(),
        page_token: "forged".into(),
        ..Default::default()
    };
    assert_eq!(
        reason(&operations.list_operations(request).await.unwrap_err()),
        "PAGE_TOKEN_INVALID"
    );
    mesh.finish().await;
}
