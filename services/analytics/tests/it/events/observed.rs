//! How events of the mesh are counted, by a handler of the test's own: no publisher of the 16 types exists yet.

use crate::shop::{added, product};
use analytics::App;
use analytics::events::observed::observe;
use analytics::jobs::add_counts::add_counts;
use analytics_api::v1::{EventType, TrackedEvent};
use bus::{Outcome, Received};
use catalog_api::v1::{CreateProductRequest, ProductCreated, ProductDraft, VariantDraft};
use contracts::operations::v1::ListDeadLettersRequest;
use fault::Fault;
use futures::FutureExt;
use mesh::Role;
use pg::Tx;
use testkit::{Mesh, Options, eventually};

/// Analytics that takes a new product for one that was viewed; a product without a description for an event that names none.
const OBSERVING: Role = Role {
    serve: |backing| {
        async move {
            let app = App::new(backing.db()?, backing.paging(), 90);
            let tasks = backing.tasks();
            tasks.keep("add_counts", add_counts(app.clone(), tasks.ending()));
            backing.listen(backing.consumers()?.on(app.clone(), created))?;
            Ok(backing.serve(app))
        }
        .boxed()
    },
    ..analytics::ROLE
};

async fn created(
    app: &App,
    tx: &mut Tx,
    event: Received<ProductCreated>,
) -> Result<Outcome, Fault> {
    let sent = event.product.clone().unwrap_or_default();
    let product_id = if sent.description.is_empty() { String::new() } else { product(1) };
    let event_type = EventType::ProductViewed.into();
    let told = TrackedEvent { event_type, product_id, ..Default::default() };
    observe(app, tx, event.id, event.at, told).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_the_mesh_counts_once_and_a_wrong_one_becomes_a_dead_letter() {
    let options = Options { dead_letters: true, ..Options::default() };
    let mesh = Mesh::boot_with(&[catalog::ROLE, OBSERVING], options).await;
    for description in ["one", "two", ""] {
        let sku = format!("LAMP{description}");
        let variants = vec![VariantDraft { sku, ..Default::default() }];
        let (title, description) = ("Lamp".to_owned(), description.to_owned());
        let product = Some(ProductDraft { title, description, ..Default::default() });
        let request = CreateProductRequest { product, variants, ..Default::default() };
        mesh.catalog().create_product(request).await.unwrap();
    }
    let counted = "select coalesce(sum(events), 0)::bigint as count from counters
                   where dimension = 'product' and grain = 'day' and event_type = 'product_viewed'";
    mesh.until("analytics", counted, 2).await;
    let letter = eventually("the third is a dead letter", async || {
        let request = ListDeadLettersRequest { service: "analytics".into(), ..Default::default() };
        let page = mesh.operations().list_dead_letters(request).await.unwrap().into_inner();
        page.letters.into_iter().next()
    })
    .await;
    assert!(format!("{letter:?}").contains("product_id: is required"), "{letter:?}");
    mesh.settle().await;
    added(&mesh).await;
    assert_eq!(mesh.count("analytics", counted).await, 2, "each was delivered twice");
    assert_eq!(
        mesh.count("analytics", "select count(*) from events where source = 'event'").await,
        2
    );
    mesh.finish().await;
}
