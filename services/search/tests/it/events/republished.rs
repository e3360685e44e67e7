//! Republished aggregates: ignored by a correct copy, applied by a wrong one.

use crate::shop::{ALL, Bowls, in_usd, set_price, until};
use catalog_api::v1::DeleteProductRequest;
use contracts::operations::v1::RepublishAggregatesRequest;
use testkit::{Mesh, eventually, reason};

fn request(family: &str, keys: &[String]) -> RepublishAggregatesRequest {
    RepublishAggregatesRequest {
        service: family.split('.').next().unwrap().into(),
        family: family.into(),
        keys: keys.to_vec(),
        ..Default::default()
    }
}

async fn republish(mesh: &Mesh, family: &str, keys: &[String]) -> Vec<String> {
    let answer = mesh.operations().republish_aggregates(request(family, keys)).await;
    answer.unwrap().into_inner().unknown_keys
}

#[tokio::test(flavor = "multi_thread")]
async fn a_republished_state_does_not_change_a_correct_copy() {
    let mesh = Mesh::boot(&ALL).await;
    let bowls = Bowls::fill(&mesh, 3).await;
    let delete =
        DeleteProductRequest { product_id: bowls.products[2].clone(), ..Default::default() };
    mesh.catalog().delete_product(delete).await.unwrap();
    mesh.settle().await;
    let (written, (in_catalog, in_pricing)) =
        (bowls.written(&mesh).await, bowls.published(&mesh).await);

    let unknown = uuid::Uuid::now_v7().to_string();
    let prices = bowls.prices(&mesh).await;
    let with_unknown = |ids: &[String]| [ids, std::slice::from_ref(&unknown)].concat();
    let answers = [
        republish(&mesh, "catalog.product", &with_unknown(&bowls.products)).await,
        republish(&mesh, "catalog.variant", &with_unknown(&bowls.variants)).await,
        republish(&mesh, "pricing.price", &with_unknown(&prices)).await,
    ];
    assert_eq!(answers, std::array::from_fn(|_| vec![unknown.clone()]));
    mesh.settle().await;
    assert_eq!(bowls.published(&mesh).await, (in_catalog + 6, in_pricing + 2));
    assert_eq!(bowls.written(&mesh).await, written, "no copy was written");

    for family in ["catalog.product", "pricing.price"] {
        let refused = mesh.operations().republish_aggregates(request(family, &[])).await;
        assert_eq!(reason(&refused.unwrap_err()), "FILTER_EMPTY");
    }
    mesh.finish().await;
}

/// A copy whose version was reset to 0 applies the next event, whatever its version; the newest version wins in the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_newer_change_between_version_reset_and_republish_wins() {
    let mesh = Mesh::boot(&ALL).await;
    let bowls = Bowls::fill(&mesh, 1).await;
    let [price_id] = &bowls.prices(&mesh).await[..] else { panic!("one bowl has one price") };
    let reset_version = "update entries set version = 0 where section = 'price'";
    let version = "select version as count from entries where section = 'price'";
    let shows = async |amount: i64| {
        until(&mesh, "the amount is shown", in_usd("bowl"), |answer| {
            let shown = answer.products[0].amount.as_ref();
            shown.is_some_and(|shown| shown.minor_units() == amount)
        })
        .await;
    };

    // The change comes first; the republished event after it is ignored.
    bowls.alter(&mesh, reset_version).await;
    set_price(&mesh, "BOWL-0", 400).await;
    mesh.settle().await;
    republish(&mesh, "pricing.price", std::slice::from_ref(price_id)).await;
    mesh.settle().await;
    assert_eq!(mesh.count("search", version).await, 2);
    shows(400).await;

    // The republished event comes first; the change after it is applied.
    bowls.alter(&mesh, reset_version).await;
    republish(&mesh, "pricing.price", std::slice::from_ref(price_id)).await;
    set_price(&mesh, "BOWL-0", 300).await;
    mesh.settle().await;
    assert_eq!(mesh.count("search", version).await, 3);
    shows(300).await;

    // A late older event is applied after the reset, until the republished event arrives.
    bowls.alter(&mesh, reset_version).await;
    let old = bowls.published_version(&mesh, price_id, 2).await;
    testkit::publish(&mesh, &old).await;
    eventually("the old one is applied", async || {
        (mesh.count("search", version).await == 2).then_some(())
    })
    .await;
    republish(&mesh, "pricing.price", std::slice::from_ref(price_id)).await;
    mesh.settle().await;
    assert_eq!(mesh.count("search", version).await, 3);
    shows(300).await;
    mesh.finish().await;
}
