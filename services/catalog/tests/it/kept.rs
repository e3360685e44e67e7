//! Kept pages: what two processes answer while products change and their Redis fails.

use catalog_api::v1::catalog_service_client::CatalogServiceClient;
use catalog_api::v1::{
    CreateProductRequest, GetProductRequest, ListProductsRequest, ProductDraft, ProductOrder,
    ProductView, UpdateProductRequest, VariantDraft,
};
use stack::Redis;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use testkit::{Caller, Mesh, eventually};

type Client = CatalogServiceClient<Caller>;

async fn shown(mut client: Client, product_id: &str) -> String {
    let request = GetProductRequest {
        product_id: product_id.to_owned(),
        view: ProductView::Full.into(),
        ..Default::default()
    };
    client.get_product(request).await.unwrap().into_inner().product.unwrap().title
}

async fn rename(mut client: Client, product_id: &str, title: String) {
    let request = UpdateProductRequest {
        product_id: product_id.to_owned(),
        product: Some(ProductDraft { title, ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["title".into()] }),
        ..Default::default()
    };
    client.update_product(request).await.unwrap();
}

async fn product(mut client: Client) -> String {
    let request = CreateProductRequest {
        product: Some(ProductDraft { title: "0".into(), ..Default::default() }),
        variants: vec![VariantDraft { sku: "A".into(), ..Default::default() }],
        ..Default::default()
    };
    client.create_product(request).await.unwrap().into_inner().product.unwrap().product_id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_never_a_second_old_whatever_becomes_of_redis() {
    let folder = testbed::folder().join("kept").join(uuid::Uuid::now_v7().simple().to_string());
    let mut redis = Redis::spawn_private(folder).await.unwrap();
    let mesh = Mesh::boot(&[catalog::ROLE]).await;
    let url = redis.url();
    let shared = |config: &mut mesh::Config| config.redis.url = Some(url.clone().into());
    let processes = [
        mesh.another(&[catalog::ROLE], shared).await,
        mesh.another(&[catalog::ROLE], shared).await,
    ];
    let clients = [0, 1].map(|at| CatalogServiceClient::new(mesh.caller_of(&processes[at])));
    let id = product(clients[0].clone()).await;

    let (ended, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    // The newest title that every read has to show which begins now: the one of a second ago.
    let floor = AtomicU64::new(0);
    let write = async {
        let mut changed = Vec::new();
        let mut number = 0;
        while !ended.load(Ordering::Relaxed) {
            number += 1;
            rename(clients[number % 2].clone(), &id, number.to_string()).await;
            changed.push(Instant::now());
            let old =
                changed.iter().take_while(|at| at.elapsed() >= Duration::from_secs(1)).count();
            floor.store(old as u64, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
        number
    };
    let read = async |client: &Client| {
        while !ended.load(Ordering::Relaxed) {
            let least = floor.load(Ordering::SeqCst);
            let shown: u64 = shown(client.clone(), &id).await.parse().unwrap();
            assert!(shown >= least, "{shown} is shown more than a second after {least}");
            reads.fetch_add(1, Ordering::Relaxed);
        }
    };
    let break_it = async {
        let pass = async |count: u64| {
            let goal = reads.load(Ordering::Relaxed) + count;
            eventually("pages are read", async || {
                (reads.load(Ordering::Relaxed) >= goal).then_some(())
            })
            .await;
        };
        let mut client = redis::Client::open(url.clone()).unwrap();
        for _ in 0..2 {
            pass(100).await;
            redis::cmd("FLUSHALL").exec(&mut client).unwrap();
            pass(100).await;
            redis.freeze().unwrap();
            pass(100).await;
            redis.thaw().unwrap();
            pass(100).await;
            redis.kill().await.unwrap();
            pass(100).await;
            redis.restart().await.unwrap();
        }
        pass(100).await;
        ended.store(true, Ordering::Relaxed);
    };
    let [one, two] = &clients;
    let (number, ..) = tokio::join!(write, read(one), read(two), read(one), read(two), break_it);
    assert!(number > 20, "{number} changes");
    eprintln!("{number} changes, {} reads", reads.load(Ordering::Relaxed));
    for client in &clients {
        eventually("the last title is shown", async || {
            (shown(client.clone(), &id).await == number.to_string()).then_some(())
        })
        .await;
    }
    for process in processes {
        process.stop();
        process.finished().await.unwrap();
    }
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_changes_a_product_reads_the_change_and_lists_follow() {
    let mesh = Mesh::boot(&[catalog::ROLE]).await;
    let id = product(mesh.catalog()).await;
    for round in 1..=50 {
        let title = format!("title {round}");
        rename(mesh.catalog(), &id, title.clone()).await;
        assert_eq!(shown(mesh.catalog(), &id).await, title);
    }
    let request = ListProductsRequest { order: ProductOrder::Name.into(), ..Default::default() };
    eventually("the list shows it", async || {
        let list = mesh.catalog().list_products(request.clone()).await.unwrap().into_inner();
        list.products.first().filter(|own| own.title == "title 50").map(drop)
    })
    .await;
    mesh.finish().await;
}
