//! What an owner publishes again: no news to a copy that is right, the truth to one that is not.

use crate::shop::{ALL, Bowls, in_usd, set_price, until};
use contracts::catalog::v1::DeleteProductRequest;
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
async fn what_is_known_already_is_no_news() {
    let mesh = Mesh::boot(&ALL).await;
    let bowls = Bowls::fill(&mesh, 3).await;
    let delete =
        DeleteProductRequest { product_id: bowls.products[2].clone(), ..Default::default() };
    mesh.catalog().delete_product(delete).await.unwrap();
    mesh.settle().await;
    let (written, (in_catalog, in_pricing)) = (bowls.written(&mesh).await, bowls.said(&mesh).await);

    let unknown = uuid::Uuid::now_v7().to_string();
    let prices = bowls.prices(&mesh).await;
    let asked = |ids: &[String]| [ids, std::slice::from_ref(&unknown)].concat();
    let answers = [
        republish(&mesh, "catalog.product", &asked(&bowls.products)).await,
        republish(&mesh, "catalog.variant", &asked(&bowls.variants)).await,
        republish(&mesh, "pricing.price", &asked(&prices)).await,
    ];
    assert_eq!(answers, std::array::from_fn(|_| vec![unknown.clone()]));
    mesh.settle().await;
    assert_eq!(bowls.said(&mesh).await, (in_catalog + 6, in_pricing + 3));
    assert_eq!(bowls.written(&mesh).await, written, "no copy was written");

    for family in ["catalog.product", "pricing.price"] {
        let refused = mesh.operations().republish_aggregates(request(family, &[])).await;
        assert_eq!(reason(&refused.unwrap_err()), "FILTER_EMPTY");
    }
    mesh.finish().await;
}

/// A copy that distrusts its version takes the next word for news, whichever that is; the newest holds in the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_newer_change_between_distrust_and_the_owners_word_holds() {
    let mesh = Mesh::boot(&ALL).await;
    let bowls = Bowls::fill(&mesh, 1).await;
    let [price_id] = &bowls.prices(&mesh).await[..] else { panic!("one bowl has one price") };
    let distrust = "update entries set version = 0 where section = 'price'";
    let version = "select version as count from entries where section = 'price'";
    let shows = async |amount: i64| {
        until(&mesh, "the amount is shown", in_usd("bowl"), |answer| {
            let shown = answer.products[0].amount.as_ref();
            shown.is_some_and(|shown| shown.minor_units == amount)
        })
        .await;
    };

    // The change comes first, the word after it is no news.
    bowls.alter(&mesh, distrust).await;
    set_price(&mesh, "BOWL-0", 400).await;
    mesh.settle().await;
    republish(&mesh, "pricing.price", std::slice::from_ref(price_id)).await;
    mesh.settle().await;
    assert_eq!(mesh.count("search", version).await, 2);
    shows(400).await;

    // The word comes first, the change is news after it.
    bowls.alter(&mesh, distrust).await;
    republish(&mesh, "pricing.price", std::slice::from_ref(price_id)).await;
    set_price(&mesh, "BOWL-0", 300).await;
    mesh.settle().await;
    assert_eq!(mesh.count("search", version).await, 3);
    shows(300).await;

    // An older event that is late takes the distrusted place, until the word comes.
    bowls.alter(&mesh, distrust).await;
    let old = bowls.said_before(&mesh, price_id, 2).await;
    testkit::say(&mesh, &old).await;
    eventually("the old one is there", async || {
        (mesh.count("search", version).await == 2).then_some(())
    })
    .await;
    republish(&mesh, "pricing.price", std::slice::from_ref(price_id)).await;
    mesh.settle().await;
    assert_eq!(mesh.count("search", version).await, 3);
    shows(300).await;
    mesh.finish().await;
}
