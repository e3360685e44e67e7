//! Floods of calls, streams and connections against a served mesh: the calls of others go on, and its memory stays bounded. Each takes 3
//! seconds, or `SOUK_FLOOD_SECONDS`: `just faults slots`.

use crate::project::Project;
use crate::shop;
use catalog_api::v1::import_products_request::Part;
use catalog_api::v1::{ImportErrorPolicy, ImportProductsRequest, ImportStart};
use h2::client::SendRequest;
use nix::sys::resource::{Resource, getrlimit};
use prost::Message;
use prost::bytes::Bytes;
use search_api::v1::SearchProductsRequest;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use testkit::eventually;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Connections that the mesh takes: fewer than a test can open.
const MAX_CONNECTIONS: usize = 400;
const PRODUCTS: i64 = 300;
/// What a flood may cost: without bounds it is hundreds of MB. A debug build takes 0 to 40 MB, by what else the machine does.
const MAX_GROWTH: f64 = 50e6;

#[tokio::test(flavor = "multi_thread")]
async fn no_flood_stops_the_calls_of_others() {
    let project = Project::new("floods");
    let mut up = project.souk(&["dev", "up"]);
    up.env("SOUK_MAX_CONNECTIONS", MAX_CONNECTIONS.to_string());
    // A call that a busy machine answers late was not stopped by a flood.
    up.env("SOUK_TIMEOUT_MS_SEARCH_SEARCH_PRODUCTS", "60000");
    assert!(up.output().unwrap().status.success());
    too_many_connections(&project);
    shop::fill(&project, PRODUCTS);
    eventually("all products are found", async || {
        let request = SearchProductsRequest::default();
        let found = project.search().search_products(request).await;
        (found.unwrap().get_ref().total == PRODUCTS).then_some(())
    })
    .await;
    // What as many calls allocate that are read is no growth, whether a slow machine answers each of them or sheds some.
    let mut calls = JoinSet::new();
    for _ in 0..128 {
        let mut search = project.search();
        let request = SearchProductsRequest { page_size: 100, ..Default::default() };
        calls.spawn(async move { search.search_products(request).await.map(drop) });
    }
    assert!(calls.join_all().await.iter().any(Result::is_ok));
    let (made, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    tokio::join!(others(&project, &made, &over), async {
        answered(&made, 50).await;
        over.store(true, Ordering::Relaxed);
    });

    attack(&project, "unread calls", unread(&project)).await;
    attack(&project, "imports that only begin", begun(&project)).await;
    attack(&project, "silent connections", silent(&project)).await;
    attack(&project, "watches of health", watches(&project)).await;
    attack(&project, "half requests", halves(&project)).await;
}

/// What its databases do not take is refused before the first call could fail by it.
fn too_many_connections(project: &Project) {
    let ports = ["--grpc-listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"];
    let mut serve = project.souk(&[["serve", "catalog"], ports].concat());
    for name in ["SOUK_DATABASE_URL_CATALOG", "SOUK_NATS_URL", "SOUK_AUTH_JWKS_FILE"] {
        serve.env(name, project.setting(name));
    }
    let refused = serve.env("SOUK_DATABASE_CONNECTIONS", "9000").output().unwrap();
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("may open 9001 connections, but the server of catalog takes"),
        "{stderr}"
    );
}

/// Runs others' calls beside an attack, whose connections last until it is over.
async fn attack(project: &Project, name: &str, flood: impl Future<Output = JoinSet<()>>) {
    let before = memory(project);
    let (made, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let time = std::env::var("SOUK_FLOOD_SECONDS").ok().and_then(|text| text.parse().ok());
    let time = Duration::from_secs(time.unwrap_or(3));
    let flood = async {
        let held = flood.await;
        let count = held.len();
        // How many calls are answered depends on what else the machine does, that they are does not.
        tokio::join!(sleep(time), answered(&made, 5));
        over.store(true, Ordering::Relaxed);
        (held, count)
    };
    let (peak, (held, count)) = tokio::join!(others(project, &made, &over), flood);
    let (growth, made) = (peak - before, made.into_inner());
    eprintln!("{name}: {count} connections, {made} calls of others, {:.1} MB more", growth / 1e6);
    assert!(growth < MAX_GROWTH, "{name}: {:.1} MB more", growth / 1e6);
    drop(held);
    eventually("the memory comes back", async || {
        (memory(project) < before + MAX_GROWTH / 2.0).then_some(())
    })
    .await;
}

/// Waits until so many more calls of others are answered.
async fn answered(made: &AtomicUsize, more: usize) {
    let least = made.load(Ordering::Relaxed) + more;
    eventually("calls of others are answered", async || {
        (made.load(Ordering::Relaxed) >= least).then_some(())
    })
    .await;
}

/// Calls until the attack is over, some of them on new connections. Returns the most memory that was seen.
async fn others(project: &Project, made: &AtomicUsize, over: &AtomicBool) -> f64 {
    let (mut peak, mut search) = (0.0_f64, project.search());
    while !over.load(Ordering::Relaxed) {
        let request = SearchProductsRequest { page_size: 10, ..Default::default() };
        match search.search_products(request).await {
            Ok(found) => assert_eq!(found.get_ref().total, PRODUCTS),
            // A connection that was too slow to say its first word beside thousands of silent ones; a client opens another one.
            Err(status) if status.source().is_some() => {
                search = project.search();
                continue;
            }
            Err(status) => panic!("{status}"),
        }
        if made.fetch_add(1, Ordering::Relaxed).is_multiple_of(10) {
            search = project.search();
            peak = peak.max(memory(project));
        }
    }
    peak
}

fn memory(project: &Project) -> f64 {
    project.metric("process_resident_memory_bytes")
}

/// Searches of one caller who reads no byte of an answer.
async fn unread(project: &Project) -> JoinSet<()> {
    let request = SearchProductsRequest { page_size: 100, ..Default::default() };
    let body = framed(&request.encode_to_vec());
    let path = "/souk.search.v1.SearchService/SearchProducts";
    calls(project, path, Some(body), true, 1_024).await
}

/// Imports of one caller who sends no row.
async fn begun(project: &Project) -> JoinSet<()> {
    let start = ImportStart {
        import_id: uuid::Uuid::now_v7().to_string(),
        on_error: ImportErrorPolicy::Skip.into(),
        ..ImportStart::default()
    };
    let request = ImportProductsRequest { part: Some(Part::Start(start)) };
    let body = framed(&request.encode_to_vec());
    let path = "/souk.catalog.v1.CatalogService/ImportProducts";
    calls(project, path, Some(body), false, 1_040).await
}

/// Watches of nobody.
async fn watches(project: &Project) -> JoinSet<()> {
    calls(project, "/grpc.health.v1.Health/Watch", None, false, 20_000).await
}

async fn silent(project: &Project) -> JoinSet<()> {
    let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let count = usize::try_from(limit / 5 * 4).unwrap().min(20_000);
    assert!(count > 2 * MAX_CONNECTIONS, "a test may open too few descriptors");
    connections(&project.setting("SOUK_GRPC"), count, b"").await
}

async fn halves(project: &Project) -> JoinSet<()> {
    connections(&project.setting("SOUK_ADMIN"), 300, b"GET /metrics HTTP/1.1\r\nhost: ").await
}

/// Connections on which nothing more is sent than these bytes.
async fn connections(address: &str, count: usize, bytes: &[u8]) -> JoinSet<()> {
    let mut held = JoinSet::new();
    let (address, bytes): (Arc<str>, Arc<[u8]>) = (address.into(), bytes.into());
    let openers = Arc::new(Semaphore::new(0));
    for _ in 0..count {
        let (address, bytes, open) = (address.clone(), bytes.clone(), openers.clone());
        held.spawn(async move {
            let mut stream = TcpStream::connect(&*address).await.unwrap();
            let _ = stream.write_all(&bytes).await;
            open.add_permits(1);
            std::future::pending().await
        });
    }
    let _ = openers.acquire_many(u32::try_from(count).unwrap()).await;
    held
}

/// So many calls on as few connections as the mesh lets them be.
async fn calls(
    project: &Project,
    path: &str,
    body: Option<Vec<u8>>,
    closed: bool,
    count: usize,
) -> JoinSet<()> {
    let mut held = JoinSet::new();
    let token = project.run(&["token", "--subject", "flood"]);
    let mut sent = 0;
    while sent < count {
        let stream = TcpStream::connect(project.setting("SOUK_GRPC")).await.unwrap();
        let mut builder = h2::client::Builder::new();
        let handshake = builder.initial_window_size(0).handshake::<_, Bytes>(stream).await;
        let Ok((mut sender, connection)) = handshake else { continue };
        let connection = tokio::spawn(connection);
        let mut open = Vec::new();
        // What the mesh tells of its bounds comes after the first call.
        while open.len() < 256 && sent < count {
            let mut request = http::Request::post(format!("http://mesh{path}"))
                .header("content-type", "application/grpc")
                .header("te", "trailers");
            if body.is_some() {
                request = request.header("authorization", format!("Bearer {}", token.trim()));
            }
            let Some(ready) = ready(sender.clone()).await else { break };
            sender = ready;
            let Ok((answer, mut bytes)) = sender.send_request(request.body(()).unwrap(), false)
            else {
                break;
            };
            let content = body.clone().unwrap_or_else(|| framed(&[]));
            let _ = bytes.send_data(content.into(), closed);
            open.push((answer, bytes));
            sent += 1;
        }
        held.spawn(async move {
            let _open = (open, sender);
            let _ = connection.await;
        });
    }
    held
}

/// None where the connection takes no further call, or has ended.
async fn ready(sender: SendRequest<Bytes>) -> Option<SendRequest<Bytes>> {
    tokio::time::timeout(Duration::from_millis(500), sender.ready()).await.ok()?.ok()
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[0], length.as_slice(), bytes].concat()
}
