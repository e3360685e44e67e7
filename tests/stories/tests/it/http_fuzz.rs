//! Requests over HTTP that are broken at random: none makes the server fail, hang, or change what it refuses.

use http::Method;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rest::Routes;
use std::collections::BTreeMap;
use std::time::Duration;
use testkit::{Mesh, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// `SOUK_FUZZ` makes more of them.
const REQUESTS: usize = 4_000;
const CONNECTIONS: usize = 8;

/// Texts at which programs stumble.
const ODD: &[&str] = &[
    "",
    "%",
    "%2",
    "%00",
    "%ff",
    "%c0%af",
    "%2e%2e%2f",
    "..",
    "//",
    "?",
    "#",
    "&",
    "=",
    ";",
    "\u{0}",
    "\u{7f}",
    "\u{202e}",
    "\u{feff}",
    "💥",
    "é",
    "e\u{301}",
    "Ⅷ",
    "null",
    "true",
    "[]",
    "{}",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "-1",
    "0x10",
    "1e999",
    "9223372036854775808",
    "-0",
    "NaN",
    "1.0000000000000001",
    "__proto__",
    "$ref",
    "' or 1=1 --",
    "<script>",
    "\r",
    "\n",
    "\t",
    "*",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];

#[derive(Clone)]
struct Draft {
    verb: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_requests_are_refused_and_change_nothing() {
    let options = Options {
        config: |config| config.server.http_listen = Some(([127, 0, 0, 1], 0).into()),
        ..Options::default()
    };
    let mesh =
        Mesh::boot_with(&[catalog::ROLE, pricing::ROLE, search::ROLE, analytics::ROLE], options)
            .await;
    let address = mesh.running().http().unwrap();
    let seed: u64 = rand::rng().random();
    eprintln!("seed {seed}");
    let count = std::env::var("SOUK_FUZZ").ok().and_then(|text| text.parse().ok());
    let count = count.unwrap_or(REQUESTS);
    let mut workers = JoinSet::new();
    for worker in 0..CONNECTIONS {
        let token = mesh.token().to_owned();
        let random = StdRng::seed_from_u64(seed + worker as u64);
        workers.spawn(run(address, token, random, count / CONNECTIONS));
    }
    let mut outcomes: BTreeMap<(String, u16), i64> = BTreeMap::new();
    while let Some(done) = workers.join_next().await {
        for (key, times) in done.unwrap() {
            *outcomes.entry(key).or_default() += times;
        }
    }
    let statuses: BTreeMap<u16, i64> =
        outcomes.iter().fold(BTreeMap::new(), |mut all, ((_, status), times)| {
            *all.entry(*status).or_default() += times;
            all
        });
    eprintln!("{statuses:?}");
    assert!(!statuses.contains_key(&500), "{outcomes:?}");
    let done = |name: &str| outcomes.get(&(name.to_owned(), 200)).copied().unwrap_or_default();
    for (what, table) in [("brand", "brands"), ("product", "products")] {
        let there = mesh.count("catalog", &format!("select count(*) from {table}")).await;
        assert_eq!(there, done(what), "{table}");
    }
    assert!(statuses[&200] > 20 && statuses[&400] > 100, "{statuses:?}");
    mesh.finish().await;
}

/// Sends requests one after the other; counts what they create and how they are answered.
async fn run(
    address: std::net::SocketAddr,
    token: String,
    mut random: StdRng,
    count: usize,
) -> BTreeMap<(String, u16), i64> {
    let drafts = drafts(&token);
    let mut outcomes = BTreeMap::new();
    let mut stream = TcpStream::connect(address).await.unwrap();
    for number in 0..count {
        let (what, draft) = drafts.choose(&mut random).unwrap();
        let mut draft = draft.clone();
        let unique = format!("{}-{number}", random.random::<u32>());
        draft.body = String::from_utf8(draft.body).unwrap().replace("UNIQUE", &unique).into_bytes();
        for _ in 0..random.random_range(0..3) {
            spoil(&mut draft, &mut random);
        }
        // What is another request by now creates another thing, or none.
        let path = draft.path.split(['?', '#']).next().unwrap();
        let creates = ["/api/v1/catalog/brands", "/api/v1/catalog/products"].contains(&path);
        let what = if creates && draft.verb == "POST" { *what } else { "other" };
        let bytes = draft.bytes();
        if stream.write_all(&bytes).await.is_err() {
            stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
        }
        let status = timeout(Duration::from_secs(20), answer(&mut stream)).await;
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(600)]).into_owned();
        let status = status.unwrap_or_else(|_| panic!("no answer to {shown}"));
        match status {
            Some((status, keeps)) => {
                assert_ne!(status, 500, "{shown}");
                *outcomes.entry((what.to_owned(), status)).or_default() += 1;
                if !keeps {
                    stream = TcpStream::connect(address).await.unwrap();
                }
            }
            // It was no HTTP.
            None => stream = TcpStream::connect(address).await.unwrap(),
        }
    }
    outcomes
}

/// Requests of every route, some of which succeed.
fn drafts(token: &str) -> Vec<(&'static str, Draft)> {
    let headers = vec![
        ("host".to_owned(), "souk".to_owned()),
        ("authorization".to_owned(), format!("Bearer {token}")),
        ("content-type".to_owned(), "application/json".to_owned()),
    ];
    let draft = |verb: &str, path: &str, body: &str| Draft {
        verb: verb.to_owned(),
        path: path.to_owned(),
        headers: headers.clone(),
        body: body.as_bytes().to_vec(),
    };
    let product = r#"{"product":{"title":"T UNIQUE","specifications":{"a":[1,{"b":null}]}},"variants":[{"sku":"S-UNIQUE"}]}"#;
    let price = r#"{"item":{"sku":"S-1"},"base":{"currencyCode":"USD","amount":"1.50"}}"#;
    let mut all = vec![
        ("brand", draft("POST", "/api/v1/catalog/brands", r#"{"name":"B UNIQUE"}"#)),
        ("product", draft("POST", "/api/v1/catalog/products", product)),
        ("other", draft("POST", "/api/v1/pricing/prices", price)),
        (
            "other",
            draft("GET", "/api/v1/search/products?query=a+b&priceView.currencyCode=USD&page=1", ""),
        ),
        ("other", draft("GET", "/api/v1/catalog/products?page=2&limit=3", "")),
    ];
    for route in Routes::all().iter().filter(|route| route.verb().to_string() != "POST") {
        let path = route.path().replace(['{', '}'], "");
        let body = if route.body_field().is_some() { "{\"name\":\"x\"}" } else { "" };
        all.push(("other", draft(&route.verb().to_string(), &path, body)));
    }
    all
}

fn spoil(draft: &mut Draft, random: &mut StdRng) {
    let odd = *ODD.choose(random).unwrap();
    match random.random_range(0..9) {
        0 => draft.path = spoiled(&draft.path, odd, random),
        1 => draft.path.push_str(&format!("?{odd}={odd}&pageSize={odd}")),
        2 => {
            let verbs = [
                Method::GET,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
                Method::HEAD,
                Method::OPTIONS,
            ];
            draft.verb = verbs.choose(random).unwrap().to_string();
        }
        3 => {
            let names = [
                "if-match",
                "idempotency-key",
                "content-type",
                "x-correlation-id",
                "authorization",
                "accept-encoding",
                "traceparent",
                "content-encoding",
                "expect",
            ];
            let name = *names.choose(random).unwrap();
            draft.headers.push((name.to_owned(), odd.replace(['\r', '\n', '\u{0}'], "")));
        }
        4 => {
            let at = random.random_range(0..draft.headers.len());
            draft.headers[at].1 = odd.replace(['\r', '\n', '\u{0}'], "");
        }
        5 => draft.body.truncate(random.random_range(0..=draft.body.len())),
        6 if !draft.body.is_empty() => {
            let at = random.random_range(0..draft.body.len());
            draft.body[at] = random.random();
        }
        7 => draft.body = "[".repeat(random.random_range(1..3_000)).into_bytes(),
        _ => {
            let at = random.random_range(0..=draft.body.len());
            let (start, end) = draft.body.split_at(at);
            draft.body = [start, odd.as_bytes(), end].concat();
        }
    }
}

fn spoiled(path: &str, odd: &str, random: &mut StdRng) -> String {
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    let at = random.random_range(1..parts.len());
    // A line of HTTP ends at a blank.
    parts[at].push_str(&odd.replace([' ', '\r', '\n', '\t'], "%20"));
    parts.join("/")
}

impl Draft {
    fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.verb, self.path);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n", self.body.len()));
        [text.as_bytes(), &self.body].concat()
    }
}

/// The status of an answer that was read to its end, and whether another request can follow; none: the connection ended.
async fn answer(stream: &mut TcpStream) -> Option<(u16, bool)> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = find(&bytes, b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let status: u16 = text.split(' ').nth(1)?.parse().ok()?;
    let header = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
    };
    // What has no length is not followed by another request here.
    let length = header("content-length").and_then(|length| length.parse::<usize>().ok());
    let keeps = length.is_some() && header("connection").is_none_or(|own| own != "close");
    let length = length.unwrap_or_default();
    while bytes.len() < head + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return Some((status, false));
        }
    }
    // Nothing but its answer is there: else a body was read as a request.
    Some((status, keeps && bytes.len() == head + 4 + length))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|part| part == wanted)
}
