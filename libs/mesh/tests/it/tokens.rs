//! Whoever cannot show who they are is refused.

use crate::world::{READ, World, ask, refused, signed, told};
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

fn kid(world: &World) -> String {
    world.signer.jwks()["keys"][0]["kid"].as_str().unwrap().to_owned()
}

async fn try_with(world: &World, token: &str) -> Result<(), Status> {
    world.client().get_price(signed(ask("A-1"), token)).await.map(drop)
}

async fn refuses(world: &World, token: &str) {
    let status = try_with(world, token).await.unwrap_err();
    refused(&status, Code::Unauthenticated, Common::TokenInvalid);
}

/// A token of these claims, signed with the right key.
fn token(world: &World, claims: &Value) -> String {
    let pem = std::fs::read(world.folder.join("auth/signing.pem")).unwrap();
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(kid(world));
    encode(&header, claims, &EncodingKey::from_ed_pem(&pem).unwrap()).unwrap()
}

#[tokio::test]
async fn no_token_at_all() {
    let world = World::start().await;
    let status = world.client().get_price(ask("A-1")).await.unwrap_err();
    refused(&status, Code::Unauthenticated, Common::TokenMissing);
    let mut basic = tonic::Request::new(ask("A-1"));
    basic.metadata_mut().insert("authorization", "Basic YTpi".parse().unwrap());
    let status = world.client().get_price(basic).await.unwrap_err();
    refused(&status, Code::Unauthenticated, Common::TokenMissing);
    world.end().await;
}

#[tokio::test]
async fn claims_that_are_not_in_order() {
    let world = World::start().await;
    try_with(&world, &token(&world, &claims())).await.unwrap();
    let wrong = [
        ("exp", json!(now() - 60)),
        ("nbf", json!(now() + 60)),
        ("iss", json!("somebody")),
        ("aud", json!("another shop")),
        ("sub", json!("")),
        ("exp", Value::Null),
        ("aud", Value::Null),
    ];
    for (name, value) in wrong {
        let mut claims = claims();
        claims[name] = value;
        refuses(&world, &token(&world, &claims)).await;
    }
    world.end().await;
}

#[tokio::test]
async fn a_token_in_use_expires_although_it_was_verified() {
    let world = World::start().await;
    let mut claims = claims();
    // Within the leeway for two more seconds.
    claims["exp"] = json!(now() - 28);
    let token = token(&world, &claims);
    try_with(&world, &token).await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    refuses(&world, &token).await;
    world.end().await;
}

#[tokio::test]
async fn signatures_that_prove_nothing() {
    let world = World::start().await;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let body = part(&claims());
    for alg in ["none", "None", "NONE"] {
        let header = part(&json!({ "alg": alg, "typ": "JWT", "kid": kid(&world) }));
        refuses(&world, &format!("{header}.{body}.")).await;
    }

    // The public key, which everybody knows, used as the secret of an HMAC.
    let jwks = world.signer.jwks();
    let x = jwks["keys"][0]["x"].as_str().unwrap();
    for secret in [URL_SAFE_NO_PAD.decode(x).unwrap(), x.as_bytes().to_vec()] {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(kid(&world));
        refuses(&world, &encode(&header, &claims(), &EncodingKey::from_secret(&secret)).unwrap())
            .await;
    }

    let good = world.token(READ);
    let (head, _) = good.rsplit_once('.').unwrap();
    refuses(&world, &format!("{head}.{}", URL_SAFE_NO_PAD.encode([7; 64]))).await;
    refuses(&world, &good[..good.len() - 4]).await;
    refuses(&world, "nonsense").await;
    world.end().await;
}

#[tokio::test]
async fn a_new_key_counts_as_soon_as_it_is_published() {
    let world = World::start().await;
    let other = world.folder.join("other");
    generate_keys(&other).unwrap();
    let new = Signer::from_file(&other.join("signing.pem"), "souk", "souk").unwrap();
    let token = new.mint("bob", READ, Duration::from_secs(60)).unwrap();
    refuses(&world, token.expose_secret()).await;

    let mut jwks = world.signer.jwks();
    jwks["keys"].as_array_mut().unwrap().push(new.jwks()["keys"][0].clone());
    std::fs::write(world.folder.join("auth/jwks.json"), jwks.to_string()).unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    try_with(&world, token.expose_secret()).await.unwrap();
    try_with(&world, &world.token(READ)).await.unwrap();
    world.end().await;
}

#[tokio::test]
async fn a_service_acts_for_a_user_only_with_the_scope_for_it() {
    let world = World::start().await;
    let who = async |own: &[&str], user: &str| {
        let mut request = signed(ask("WHO"), &world.token_of("checkout", own));
        request.metadata_mut().insert(USER_TOKEN, user.parse().unwrap());
        let answer = world.client().get_price(request).await?;
        let told = |name| told(answer.metadata(), name).to_owned();
        Ok::<_, Status>((told("subject"), told("on-behalf")))
    };
    let user = world.token_of("ann", &[]);
    let named = |subject: &str, on_behalf: &str| (subject.to_owned(), on_behalf.to_owned());
    assert_eq!(who(&["pricing:read", ACT_AS], &user).await.unwrap(), named("ann", "true"));
    assert_eq!(who(&["pricing:read"], &user).await.unwrap(), named("checkout", "true"));

    let status = who(&["pricing:read", ACT_AS], "forged").await.unwrap_err();
    refused(&status, Code::Unauthenticated, Common::TokenInvalid);
    let status = who(&[ACT_AS], &world.token(READ)).await.unwrap_err();
    refused(&status, Code::PermissionDenied, Common::ScopeMissing);
    world.end().await;
}

#[tokio::test]
async fn authentication_can_be_switched_off_by_name_only() {
    let world = World::with(|config| config.auth.enabled = false).await;
    let answer = world.client().get_price(ask("WHO")).await.unwrap();
    assert_eq!(told(answer.metadata(), "subject"), "anonymous");
    world.end().await;
}
