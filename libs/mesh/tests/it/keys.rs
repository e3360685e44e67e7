//! Keys and certificates that are replaced while calls go on.

use crate::fixture::{Fixture, READ, get_price_request, refused, signed};
use axum::Router;
use axum::routing::get;
use fault::Common;
use mesh::auth::scopes::REFLECT;
use mesh::config::Reflection;
use mesh::identity::{OwnSigner, OwnToken, Signer, generate_keys};
use mesh::identity::{publish_next_key, sign_with_next_key};
use pricing_api::v1::pricing_service_client::PricingServiceClient;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;

#[tokio::test]
async fn a_rotation_of_the_signing_key_fails_no_call() {
    let fixture = Fixture::start().await;
    let folder = fixture.folder.join("auth");
    let signing = folder.join("signing.pem");
    let open = || Signer::from_file(&signing, "souk", "souk").unwrap();
    let old = open();
    let old_token = old.mint("ann", READ, Duration::from_secs(60)).unwrap();
    let call = async |token: &str| {
        fixture.client().get_price(signed(get_price_request("A-1"), token)).await.map(drop)
    };
    let own = OwnSigner::new(open());
    for rotation in 1..=3 {
        publish_next_key(&folder).unwrap();
        call(old_token.expose_secret()).await.unwrap();
        // Longer than the shortest pause between two readings for unknown keys.
        let published = Instant::now();
        while published.elapsed() < Duration::from_millis(1_100) {
            call(&fixture.token(READ)).await.unwrap();
        }
        sign_with_next_key(&folder).unwrap();
        let new = open();
        assert_ne!(new.kid(), old.kid());
        let token = new.mint("ann", READ, Duration::from_secs(60)).unwrap();
        call(token.expose_secret()).await.unwrap();
        // A service signs with what is there when it needs a new token.
        let fresh = OwnToken::new(own.clone(), "pricing").get().unwrap();
        call(fresh.expose_secret()).await.unwrap();
        if rotation == 2 {
            break;
        }
    }
    // Twice rotated, so that the first key is no longer published.
    let gone = Instant::now();
    loop {
        let token = fixture.signer.mint("eve", READ, Duration::from_secs(60)).unwrap();
        match call(token.expose_secret()).await {
            Err(status) => {
                refused(&status, Code::Unauthenticated, Common::TokenInvalid);
                break;
            }
            Ok(()) => {
                assert!(gone.elapsed() < Duration::from_secs(30), "a revoked key is accepted")
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    fixture.end().await;
}

#[tokio::test]
async fn keys_are_fetched_from_their_issuer_and_not_for_every_unknown_one() {
    let keys = std::env::temp_dir().join(format!("issuer-{}", uuid::Uuid::now_v7()));
    generate_keys(&keys).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let url = issuer(keys.clone(), Arc::clone(&asked)).await;
    let fixture = Fixture::with(|config| config.auth.jwks_url = Some(url)).await;
    let signer = Signer::from_file(&keys.join("signing.pem"), "souk", "souk").unwrap();
    let token = signer.mint("ann", READ, Duration::from_secs(60)).unwrap();
    let call = async |token: &str| {
        fixture.client().get_price(signed(get_price_request("A-1"), token)).await.map(drop)
    };
    call(token.expose_secret()).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    // The fixture's own keys are none of this issuer's.
    for _ in 0..20 {
        let status = call(&fixture.token(READ)).await.unwrap_err();
        refused(&status, Code::Unauthenticated, Common::TokenInvalid);
    }
    assert!(asked.load(Ordering::Relaxed) <= 2);
    fixture.end().await;
    std::fs::remove_dir_all(keys).unwrap();
}

async fn issuer(folder: PathBuf, asked: Arc<AtomicUsize>) -> String {
    let page = get(move || {
        asked.fetch_add(1, Ordering::Relaxed);
        let text = std::fs::read_to_string(folder.join("jwks.json")).unwrap();
        async move { text }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let pages = Router::new().route("/jwks.json", page);
    tokio::spawn(async move { axum::serve(listener, pages).await });
    format!("http://{address}/jwks.json")
}

#[tokio::test]
async fn reflection_asks_for_its_scope_where_it_is_not_open() {
    let fixture = Fixture::with(|config| config.server.reflection = Reflection::Scope).await;
    let ask = async |token: Option<String>| {
        let mut request = tonic::Request::new(tokio_stream::empty());
        if let Some(token) = token {
            let bearer = format!("Bearer {token}").parse().unwrap();
            request.metadata_mut().insert("authorization", bearer);
        }
        let mut client = ServerReflectionClient::new(fixture.channel());
        client.server_reflection_info(request).await.map(drop)
    };
    refused(&ask(None).await.unwrap_err(), Code::Unauthenticated, Common::TokenMissing);
    let other = ask(Some(fixture.token(READ))).await.unwrap_err();
    refused(&other, Code::PermissionDenied, Common::ScopeMissing);
    ask(Some(fixture.token(&[REFLECT]))).await.unwrap();
    fixture.end().await;
}

/// An authority, and what it has signed in a folder.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let own = Self { issuer, folder: folder.to_owned() };
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(own.file("ca.pem"), own.issuer.pem()).unwrap();
        own.sign();
        own
    }

    /// Puts a new certificate in place of the one before.
    fn sign(&self) {
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let params = CertificateParams::new(names).unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.file("key.pem"), key.serialize_pem()).unwrap();
        std::fs::write(self.file("cert.pem"), cert.pem()).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.file(name)).unwrap()
    }

    fn client(&self) -> ClientTlsConfig {
        ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(self.read("ca.pem")))
            .domain_name("localhost")
    }

    fn identity(&self) -> Identity {
        Identity::from_pem(self.read("cert.pem"), self.read("key.pem"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_asked_of_both_sides_and_replaced_under_calls() {
    let folder = std::env::temp_dir().join(format!("tls-{}", uuid::Uuid::now_v7()));
    let authority = Authority::new(&folder.join("own"));
    let stranger = Authority::new(&folder.join("other"));
    let fixture = Fixture::with(|config| {
        config.tls.cert_file = Some(authority.file("cert.pem"));
        config.tls.key_file = Some(authority.file("key.pem"));
        config.tls.ca_file = Some(authority.file("ca.pem"));
        config.tls.reload_seconds = 1;
    })
    .await;
    let connect = async |tls: ClientTlsConfig| {
        let address = format!("https://{}", fixture.running.grpc());
        Channel::from_shared(address).unwrap().tls_config(tls).unwrap().connect().await
    };
    let get = async |channel: Channel| {
        let request = fixture.signed(get_price_request("A-1"));
        PricingServiceClient::new(channel).get_price(request).await.map(drop)
    };
    let known = connect(authority.client().identity(authority.identity())).await.unwrap();
    get(known.clone()).await.unwrap();
    // Nobody, somebody of another authority, and nothing encrypted.
    for tls in [authority.client(), authority.client().identity(stranger.identity())] {
        let refused = match connect(tls).await {
            Ok(channel) => get(channel).await.is_err(),
            Err(_) => true,
        };
        assert!(refused);
    }
    assert!(get(fixture.channel()).await.is_err());

    let before = shown(&fixture, &authority).await;
    authority.sign();
    let begun = Instant::now();
    let mut calls = 0;
    while shown(&fixture, &authority).await == before {
        assert!(begun.elapsed() < Duration::from_secs(20), "the old certificate is still shown");
        get(known.clone()).await.unwrap();
        let new = connect(authority.client().identity(authority.identity())).await.unwrap();
        get(new).await.unwrap();
        calls += 2;
    }
    assert!(calls > 0);
    get(known).await.unwrap();
    fixture.end().await;
    std::fs::remove_dir_all(folder).unwrap();
}

/// The certificate that a new connection is shown.
async fn shown(fixture: &Fixture, authority: &Authority) -> Vec<u8> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&authority.read("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let own = CertificateDer::from_pem_slice(&authority.read("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(&authority.read("key.pem")).unwrap();
    let config =
        builder.with_root_certificates(roots).with_client_auth_cert(vec![own], key).unwrap();
    let stream = TcpStream::connect(fixture.running.grpc()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}
