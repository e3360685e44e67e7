//! Streams whose callers fall silent.

use catalog_api::v1::import_products_request::Part;
use catalog_api::v1::{ImportErrorPolicy, ImportProductsRequest, ImportStart};
use futures::StreamExt;
use testkit::{Mesh, Options, reason};
use tokio_stream::once;

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_a_silent_caller_is_ended_with_a_reason() {
    let short = |config: &mut mesh::Config| config.server.stream_idle_ms = 300;
    let mesh = Mesh::boot_with(&[catalog::ROLE], Options { config: short, ..Options::default() });
    let mesh = mesh.await;
    let start = ImportStart {
        import_id: uuid::Uuid::now_v7().to_string(),
        on_error: ImportErrorPolicy::Skip.into(),
        ..ImportStart::default()
    };
    let start = ImportProductsRequest { part: Some(Part::Start(start)) };
    let silent = once(start).chain(futures::stream::pending());
    let answers = match mesh.catalog().import_products(silent).await {
        Ok(answers) => answers.into_inner().collect::<Vec<_>>().await,
        Err(refused) => vec![Err(refused)],
    };
    let refused = answers.into_iter().find_map(Result::err).expect("it ends with an error");
    assert_eq!(reason(&refused), "DEADLINE_EXCEEDED");
    assert_eq!(refused.message(), "no message came for 0.3 s");
    mesh.finish().await;
}
