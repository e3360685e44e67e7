//! Who may call: for every method of the contract, so that a new one is covered without a line here.

use crate::raw::{methods, path, send};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use mesh::identity::{Signer, generate_keys};
use prost::bytes::Bytes;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use testkit::{Caller, Mesh, reason};
use tonic::Code;

#[tokio::test(flavor = "multi_thread")]
async fn every_method_is_closed_to_wrong_tokens_and_open_to_the_right_one() {
    let services = [catalog::ROLE, pricing::ROLE, search::ROLE, analytics::ROLE, gateway::ROLE];
    let mesh = Mesh::boot(&services).await;
    let own = mesh.keys();
    let foreign = own.join("foreign");
    generate_keys(&foreign).unwrap();
    let kid = Signer::from_file(&own.join("signing.pem"), "", "").unwrap().kid().to_owned();
    let public = public_key(&own);
    for method in methods() {
        let policy = contracts::policy(&path(&method)).unwrap();
        if policy.public {
            continue;
        }
        let good = claims(&policy.scopes.join(" "));
        let with = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            sign(&own, &kid, &claims)
        };
        let mut hmac = Header::new(Algorithm::HS256);
        hmac.kid = Some(kid.clone());
        let hmac = encode(&hmac, &good, &EncodingKey::from_secret(&public)).unwrap();
        let head = json!({ "alg": "none", "typ": "JWT", "kid": kid }).to_string();
        let [head, body] = [head, good.to_string()].map(|part| URL_SAFE_NO_PAD.encode(part));
        let wrong = [
            ("no token", None, "TOKEN_MISSING"),
            ("other scopes", Some(with("scope", json!("other:read"))), "SCOPE_MISSING"),
            ("no scope", Some(with("scope", json!(""))), "SCOPE_MISSING"),
            ("expired", Some(with("exp", json!(now() - 120))), "TOKEN_INVALID"),
            ("another audience", Some(with("aud", json!("another"))), "TOKEN_INVALID"),
            ("another issuer", Some(with("iss", json!("another"))), "TOKEN_INVALID"),
            ("unsigned", Some(format!("{head}.{body}.")), "TOKEN_INVALID"),
            ("a foreign key", Some(sign(&foreign, "foreign", &good)), "TOKEN_INVALID"),
            ("a foreign key as ours", Some(sign(&foreign, &kid, &good)), "TOKEN_INVALID"),
            ("another algorithm", Some(hmac), "TOKEN_INVALID"),
        ];
        let call = async |token: Option<&str>| {
            send(Caller::new(mesh.channel(), token), &method, Bytes::new()).await
        };
        for (what, token, expected) in wrong {
            let refused = call(token.as_deref()).await.unwrap_err();
            assert_eq!(reason(&refused), expected, "{} with {what}", method.full_name());
        }
        let right = call(Some(&sign(&own, &kid, &good))).await;
        let code = right.err().map_or(Code::Ok, |status| status.code());
        let closed = [Code::Unauthenticated, Code::PermissionDenied, Code::Unimplemented];
        assert!(!closed.contains(&code), "{} with the right token: {code:?}", method.full_name());
    }
    mesh.finish().await;
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn claims(scope: &str) -> Value {
    json!({ "iss": "souk", "aud": "souk", "sub": "ann", "exp": now() + 3_600, "scope": scope })
}

fn sign(folder: &Path, kid: &str, claims: &Value) -> String {
    let pem = std::fs::read(folder.join("signing.pem")).unwrap();
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(kid.to_owned());
    encode(&header, claims, &EncodingKey::from_ed_pem(&pem).unwrap()).unwrap()
}

/// The public key, which somebody could use as the secret of an HMAC.
fn public_key(folder: &Path) -> Vec<u8> {
    let signer = Signer::from_file(&folder.join("signing.pem"), "souk", "souk").unwrap();
    URL_SAFE_NO_PAD.decode(signer.jwks()["keys"][0]["x"].as_str().unwrap()).unwrap()
}
