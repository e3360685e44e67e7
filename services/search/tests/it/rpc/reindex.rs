use crate::shop::{ALL, create, ended, in_usd, search, titled, until, variant};
use contracts::operations::v1::OperationState;
use search_api::v1::ReindexRequest;
use testkit::{Mesh, reason};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_index_takes_the_place_of_the_old_one() {
    let mesh = Mesh::boot(&ALL).await;
    for number in 0..30 {
        create(
            &mesh,
            titled(&format!("Cup {number}")),
            vec![variant(&format!("CUP-{number}"), "", "")],
        )
        .await;
    }
    until(&mesh, "all cups are found", in_usd("cup"), |answer| answer.total == 30).await;

    let request = ReindexRequest { request_id: uuid() };
    let first = mesh.search().reindex(request.clone()).await.unwrap().into_inner();
    let again = mesh.search().reindex(request).await.unwrap().into_inner();
    assert_eq!(first, again, "the same request is the same operation");

    let done = ended(&mesh, first.operation.unwrap()).await;
    assert_eq!((done.state(), done.done), (OperationState::Succeeded, 30));
    assert_eq!(search(&mesh, in_usd("cup")).await.total, 30);
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_of_another_request_is_refused() {
    let alone = crate::shop::alone().await;
    let mesh = Mesh::boot(&ALL).await;
    let request_id = uuid();
    let first =
        search_api::v1::ReconcileRequest { request_id: request_id.clone(), ..Default::default() };
    mesh.search().reconcile(first).await.unwrap();
    let refused = mesh.search().reindex(ReindexRequest { request_id }).await.unwrap_err();
    assert_eq!(reason(&refused), "REQUEST_ID_REUSED");
    mesh.finish().await;
    drop(alone);
}

fn uuid() -> String {
    uuid::Uuid::now_v7().to_string()
}
