//! Authentication by token.

use crate::fixture::{Fixture, READ, get_price_request, refused, reported, signed};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fault::Common;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use mesh::auth::{ACT_AS, USER_TOKEN};
use mesh::identity::{Signer, generate_keys};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tonic::{Code, Status};

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn claims() -> Value {
    json!({ "iss": "souk", "aud": "souk", "sub": "ann", "exp": now() + 60, "scope": READ.join(" ") })
}

fn kid(fixture: &Fixture) -> String {
    fixture.signer.jwks()["keys"][0]["kid"].as_str().unwrap().to_owned()
}

async fn try_with(fixture: &Fixture, token: &str) -> Result<(), Status> {
    fixture.client().get_price(signed(get_price_request("A-1"), token)).await.map(drop)
}

async fn refuses(fixture: &Fixture, token: &str) {
    let status = try_with(fixture, token).await.unwrap_err();
    refused(&status, Code::Unauthenticated, Common::TokenInvalid);
}

/// A token with these claims, signed with the valid key.
fn token(fixture: &Fixture, claims: &Value) -> String {
    let pem = std::fs::read(fixture.folder.join("auth/signing.pem")).unwrap();
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(kid(fixture));
    encode(&header, claims, &EncodingKey::from_ed_pem(&pem).unwrap()).unwrap()
}

#[tokio::test]
async fn a_missing_token_is_refused() {
    let fixture = Fixture::start().await;
    let status = fixture.client().get_price(get_price_request("A-1")).await.unwrap_err();
    refused(&status, Code::Unauthenticated, Common::TokenMissing);
    let mut basic = tonic::Request::new(get_price_request("A-1"));
    basic.metadata_mut().insert("authorization", "Basic YTpi".parse().unwrap());
    let status = fixture.client().get_price(basic).await.unwrap_err();
    refused(&status, Code::Unauthenticated, Common::TokenMissing);
    fixture.end().await;
}

#[tokio::test]
async fn what_could_be_read_in_two_ways_is_refused() {
    let fixture = Fixture::start().await;
    for subject in ["ann\u{0}", "ann\u{85}bob", "\n"] {
        let mut claims = claims();
        claims["sub"] = subject.into();
        refuses(&fixture, &token(&fixture, &claims)).await;
    }

    let valid = token(&fixture, &claims());
    let mut twice = signed(get_price_request("A-1"), &valid);
    twice.metadata_mut().append("authorization", "Bearer another".parse().unwrap());
    let status = fixture.client().get_price(twice).await.unwrap_err();
    refused(&status, Code::Unauthenticated, Common::TokenInvalid);

    let pem = std::fs::read(fixture.folder.join("auth/signing.pem")).unwrap();
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(kid(&fixture));
    header.crit = Some(vec!["http://example.com/unknown".to_owned()]);
    let critical = encode(&header, &claims(), &EncodingKey::from_ed_pem(&pem).unwrap()).unwrap();
    refuses(&fixture, &critical).await;
    try_with(&fixture, &valid).await.unwrap();
    fixture.end().await;
}

#[tokio::test]
async fn invalid_claims_are_refused() {
    let fixture = Fixture::start().await;
    try_with(&fixture, &token(&fixture, &claims())).await.unwrap();
    let wrong = [
        ("exp", json!(now() - 60)),
        ("nbf", json!(now() + 60)),
        ("iss", json!("other")),
        ("aud", json!("another shop")),
        ("sub", json!("")),
        ("exp", Value::Null),
        ("aud", Value::Null),
    ];
    for (name, value) in wrong {
        let mut claims = claims();
        claims[name] = value;
        refuses(&fixture, &token(&fixture, &claims)).await;
    }
    fixture.end().await;
}

#[tokio::test]
async fn a_verified_token_still_expires() {
    let fixture = Fixture::start().await;
    let mut claims = claims();
    // For two more seconds within the leeway.
    claims["exp"] = json!(now() - 28);
    let token = token(&fixture, &claims);
    try_with(&fixture, &token).await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    refuses(&fixture, &token).await;
    fixture.end().await;
}

#[tokio::test]
async fn invalid_signatures_are_refused() {
    let fixture = Fixture::start().await;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let body = part(&claims());
    for alg in ["none", "None", "NONE"] {
        let header = part(&json!({ "alg": alg, "typ": "JWT", "kid": kid(&fixture) }));
        refuses(&fixture, &format!("{header}.{body}.")).await;
    }

    // The public key used as the secret of an HMAC.
    let jwks = fixture.signer.jwks();
    let x = jwks["keys"][0]["x"].as_str().unwrap();
    for secret in [URL_SAFE_NO_PAD.decode(x).unwrap(), x.as_bytes().to_vec()] {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(kid(&fixture));
        refuses(&fixture, &encode(&header, &claims(), &EncodingKey::from_secret(&secret)).unwrap())
            .await;
    }

    let good = fixture.token(READ);
    let (head, _) = good.rsplit_once('.').unwrap();
    refuses(&fixture, &format!("{head}.{}", URL_SAFE_NO_PAD.encode([7; 64]))).await;
    refuses(&fixture, &good[..good.len() - 4]).await;
    refuses(&fixture, "nonsense").await;
    fixture.end().await;
}

#[tokio::test]
async fn a_new_key_is_accepted_as_soon_as_it_is_published() {
    let fixture = Fixture::start().await;
    let other = fixture.folder.join("other");
    generate_keys(&other).unwrap();
    let new = Signer::from_file(&other.join("signing.pem"), "souk", "souk").unwrap();
    let token = new.mint("bob", READ, Duration::from_secs(60)).unwrap();
    refuses(&fixture, token.expose_secret()).await;

    let mut jwks = fixture.signer.jwks();
    jwks["keys"].as_array_mut().unwrap().push(new.jwks()["keys"][0].clone());
    std::fs::write(fixture.folder.join("auth/jwks.json"), jwks.to_string()).unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    try_with(&fixture, token.expose_secret()).await.unwrap();
    try_with(&fixture, &fixture.token(READ)).await.unwrap();
    fixture.end().await;
}

#[tokio::test]
async fn a_service_acts_on_behalf_of_a_user_only_with_the_scope_for_it() {
    let fixture = Fixture::start().await;
    let who = async |own: &[&str], user: &str| {
        let mut request = signed(get_price_request("CONTEXT"), &fixture.token_of("checkout", own));
        request.metadata_mut().insert(USER_TOKEN, user.parse().unwrap());
        let answer = fixture.client().get_price(request).await?;
        let reported = |name| reported(answer.metadata(), name).to_owned();
        Ok::<_, Status>((reported("subject"), reported("on-behalf")))
    };
    let user = fixture.token_of("ann", &[]);
    let named = |subject: &str, on_behalf: &str| (subject.to_owned(), on_behalf.to_owned());
    assert_eq!(who(&["pricing:read", ACT_AS], &user).await.unwrap(), named("ann", "true"));
    assert_eq!(who(&["pricing:read"], &user).await.unwrap(), named("checkout", "true"));

    let status = who(&["pricing:read", ACT_AS], "forged").await.unwrap_err();
    refused(&status, Code::Unauthenticated, Common::TokenInvalid);
    let status = who(&[ACT_AS], &fixture.token(READ)).await.unwrap_err();
    refused(&status, Code::PermissionDenied, Common::ScopeMissing);
    fixture.end().await;
}

#[tokio::test]
async fn authentication_can_be_switched_off_by_name_only() {
    let fixture = Fixture::with(|config| config.auth.enabled = false).await;
    let answer = fixture.client().get_price(get_price_request("CONTEXT")).await.unwrap();
    assert_eq!(reported(answer.metadata(), "subject"), "anonymous");
    fixture.end().await;
}
