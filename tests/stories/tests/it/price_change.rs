//! A shop keeper creates a product, prices it, finds it, changes the price and sees the new one.

use crate::shop::{amount, create, find, price, product};
use testkit::{Mesh, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_price_is_shown_by_search() {
    let mesh = Mesh::boot(&[catalog::ROLE, pricing::ROLE, warehouse::ROLE, search::ROLE]).await;
    create(&mesh, product("Marigold garden lamp", &["LAMP-1", "LAMP-2"])).await;
    mesh.pricing().set_price(price("LAMP-1", 2_500)).await.unwrap();
    mesh.pricing().set_price(price("LAMP-2", 1_900)).await.unwrap();
    eventually("the cheaper variant's price is shown", async || {
        (amount(&mesh, "garden lamps").await == Some(1_900)).then_some(())
    })
    .await;
    assert_eq!(find(&mesh, "garden lamps").await[0].sku, "LAMP-2");

    mesh.pricing().set_price(price("LAMP-2", 3_100)).await.unwrap();
    eventually("now the other one is the cheaper", async || {
        (amount(&mesh, "garden lamps").await == Some(2_500)).then_some(())
    })
    .await;
    assert_eq!(find(&mesh, "garden lamps").await[0].sku, "LAMP-1");
    mesh.finish().await;
}
