use crate::shop::{Shop, dated, draft, product, set, sku, wanted};
use pricing::upsert_prices::{Outcome, Wanted, upsert_prices};
use pricing_api::v1::Reason;
use std::collections::HashMap;
use std::time::Instant;

fn rows(count: usize, base: i64) -> Vec<Wanted> {
    (0..count).map(|n| wanted(draft(sku(&format!("A-{n}")), base))).collect()
}

#[tokio::test]
async fn a_thousand_rows_are_one_transaction_and_outcomes_are_in_their_order() {
    let shop = Shop::open().await;
    shop.set(rows(10, 100)).await.unwrap();
    let mut wanted = rows(1_000, 100);
    wanted[3].draft.base = 90;
    wanted.reverse();
    let started = Instant::now();
    let set = shop.set(wanted.clone()).await.unwrap();
    println!("1,000 rows took {:?}", started.elapsed());
    let mut counts = HashMap::new();
    for (outcome, _) in &set {
        *counts.entry(format!("{outcome:?}")).or_insert(0) += 1;
    }
    let expected = [("Created", 990), ("Updated", 1), ("Unchanged", 9)];
    assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)).into());
    for ((_, price), wanted) in set.iter().zip(&wanted) {
        assert_eq!((&price.key, price.base), (&wanted.draft.key, wanted.draft.base));
    }
    assert_eq!(shop.outbox().await.len(), 10 + 991);

    let started = Instant::now();
    let again = shop.set(wanted).await.unwrap();
    println!("1,000 unchanged rows took {:?}", started.elapsed());
    assert!(again.iter().all(|(outcome, _)| *outcome == Outcome::Unchanged));
    assert_eq!(shop.outbox().await.len(), 10 + 991);
    shop.close().await;
}

#[tokio::test]
async fn one_refused_row_refuses_all_and_is_named() {
    let shop = Shop::open().await;
    shop.set_one(dated(sku("A-2"), 100, 10, 20)).await;
    let mut wanted = rows(3, 100);
    wanted[2] =
        Wanted { path: "prices[2]".into(), ..crate::shop::wanted(dated(sku("A-2"), 100, 15, 25)) };
    let fault = shop.set(wanted).await.unwrap_err();
    assert!(fault.is(Reason::OverlappingPrice));
    assert_eq!(fault.violations()[0].field, "prices[2]");
    assert_eq!((shop.rows("prices").await, shop.outbox().await.len()), (1, 1));
    shop.close().await;
}

#[tokio::test]
async fn a_dry_run_has_the_same_outcomes_and_writes_nothing() {
    let shop = Shop::open().await;
    shop.set(rows(2, 100)).await.unwrap();
    let wanted = &[rows(2, 90), vec![wanted(draft(product(), 120))]].concat();
    let tried = shop
        .app
        .db
        .write("test", async |tx| {
            tx.savepoint().await?;
            let tried = upsert_prices(tx, wanted).await?;
            tx.rollback_to_savepoint().await?;
            Ok(tried)
        })
        .await
        .unwrap();
    let outcomes: Vec<_> = tried.iter().map(|(outcome, _)| *outcome).collect();
    assert_eq!(outcomes, [Outcome::Updated, Outcome::Updated, Outcome::Created]);
    assert_eq!((shop.rows("prices").await, shop.outbox().await.len()), (2, 2));
    shop.close().await;
}

/// Bulk and single calls on the same keys, new and old, in opposite orders.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_in_opposite_orders_all_succeed_without_lost_updates() {
    const ROWS: usize = 60;
    let shop = Shop::open().await;
    // Every other price exists already.
    let half: Vec<Wanted> = rows(ROWS, 1).into_iter().step_by(2).collect();
    shop.set(half).await.unwrap();
    let calls: Vec<_> = (0..24)
        .map(|n: i64| {
            let db = shop.app.db.clone();
            let mut wanted = match n % 3 {
                2 => rows(ROWS, 1_000 + n).split_off(ROWS - 1),
                _ => rows(ROWS, 1_000 + n),
            };
            if n % 2 == 0 {
                wanted.reverse();
            }
            tokio::spawn(async move { set(&db, wanted).await })
        })
        .collect();
    let started = Instant::now();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    println!("24 calls took {:?}", started.elapsed());

    let mut versions: HashMap<String, Vec<i64>> = HashMap::new();
    for event in shop.outbox().await {
        versions.entry(event.key).or_default().push(event.version);
    }
    assert_eq!(versions.len(), ROWS);
    assert_eq!(shop.rows("prices").await, i64::try_from(ROWS).unwrap());
    for (price, versions) in versions {
        let expected = Vec::from_iter(1..=i64::try_from(versions.len()).unwrap());
        assert_eq!(versions, expected, "price {price}: no gap, in order");
    }
    shop.close().await;
}

/// Dated rows of the same items: half of the calls overlap the other half.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_overlapping_bulk_calls_each_succeeds_or_fails_as_a_whole() {
    let shop = Shop::open().await;
    let calls: Vec<_> = (0..12)
        .map(|n: i64| {
            let db = shop.app.db.clone();
            let mut wanted: Vec<Wanted> = (0..20)
                .map(|item| wanted(dated(sku(&format!("A-{item}")), 100, 1 + n, 101 + n)))
                .collect();
            if n % 2 == 0 {
                wanted.reverse();
            }
            tokio::spawn(async move { set(&db, wanted).await })
        })
        .collect();
    let mut won = 0;
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => won += 1,
            Err(fault) => assert!(fault.is(Reason::OverlappingPrice), "{fault:?}"),
        }
    }
    assert_eq!((won, shop.rows("prices").await, shop.outbox().await.len()), (1, 20, 20));
    shop.close().await;
}
