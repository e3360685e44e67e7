//! Databases and roles.

use crate::fixture::{Fixture, count, soon};
use futures::future::join_all;
use pg::{Db, Settings, provision};
use secrecy::ExposeSecret;

/// Whether the role has this password. Test servers do not require one, so the stored hash is compared.
async fn has_password(fixture: &Fixture, role: &str, password: &str) -> bool {
    let question = format!(
        "select count(*) from pg_authid where rolname = '{role}' and rolcanlogin
         and rolpassword = 'md5' || md5('{password}' || rolname)"
    );
    fixture.count(&question).await == 1
}

/// The superuser's URL under which passwords are stored as a hash that a test can compute: without salt.
fn unsalted(fixture: &Fixture) -> secrecy::SecretString {
    let url = fixture.superuser.expose_secret();
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}options=-c%20password_encryption%3Dmd5").into()
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_provisioning_creates_one_role_and_one_database() {
    let mut fixture = Fixture::new().await;
    let name = fixture.new_name();
    let superuser = unsalted(&fixture);
    let all = (0..4).map(|_| {
        let (superuser, name) = (superuser.clone(), name.clone());
        tokio::spawn(async move { provision::create(&superuser, &name, "secret").await })
    });
    for done in soon("all are done", join_all(all)).await {
        done.unwrap().unwrap();
    }
    assert!(has_password(&fixture, &name, "secret").await);
    let owned = format!(
        "select count(*) from pg_database where datname = '{name}' and datdba = '{name}'::regrole"
    );
    assert_eq!(fixture.count(&owned).await, 1);
    let database = Db::new("pricing", Settings::of(fixture.url_of(&name))).unwrap();
    let extension = "select count(*) from pg_extension where extname = 'btree_gist'";
    assert_eq!(count(&database, extension).await, 1);
}

#[tokio::test]
async fn a_role_is_refused_by_the_databases_of_other_services() {
    let mut fixture = Fixture::new().await;
    let names = [fixture.new_name(), fixture.new_name()];
    for name in &names {
        provision::create(&fixture.superuser, name, "secret").await.unwrap();
    }
    // A database that an older release left open to all is closed, too.
    let [own, other] = &names;
    fixture.execute(&format!("grant connect on database \"{other}\" to public")).await;
    provision::create(&fixture.superuser, other, "secret").await.unwrap();

    let one = "select count(*) from (select 1) one";
    let connect =
        |database: &str| Db::new("pricing", Settings::of(fixture.url_as(own, database))).unwrap();
    assert_eq!(count(&connect(own), one).await, 1);
    let work = async |tx: &mut pg::Tx| crate::fixture::execute(tx, "select 1").await;
    let fault = connect(other).read("test.other", work).await.unwrap_err();
    assert!(fault.chain().contains("permission denied for database"), "{fault:?}");
}

#[tokio::test]
async fn a_new_password_replaces_that_of_an_existing_role() {
    let mut fixture = Fixture::new().await;
    let name = fixture.new_name();
    let superuser = unsalted(&fixture);
    provision::create(&superuser, &name, "first").await.unwrap();
    assert!(has_password(&fixture, &name, "first").await);
    // It contains a character that must be quoted.
    provision::create(&superuser, &name, "it's second").await.unwrap();
    assert!(!has_password(&fixture, &name, "first").await);
    assert!(has_password(&fixture, &name, "it''s second").await);
}

#[tokio::test]
async fn provisioning_again_keeps_the_data() {
    let mut fixture = Fixture::new().await;
    let name = fixture.new_name();
    provision::create(&fixture.superuser, &name, "secret").await.unwrap();
    let database = Db::new("pricing", Settings::of(fixture.url_of(&name))).unwrap();
    let write = database.write("test.write", async |tx| {
        crate::fixture::execute(tx, "create table kept as select 1 as one").await
    });
    write.await.unwrap();
    provision::create(&fixture.superuser, &name, "secret").await.unwrap();
    assert_eq!(count(&database, "select count(*) from kept").await, 1);
}

#[tokio::test]
async fn a_database_is_dropped_despite_connections_and_also_if_missing() {
    let mut fixture = Fixture::new().await;
    let name = fixture.new_name();
    provision::copy(&fixture.superuser, "template1", &name, "postgres").await.unwrap();
    let connected = Db::new("pricing", Settings::of(fixture.url_of(&name))).unwrap();
    assert_eq!(count(&connected, "select count(*) from (select 1) one").await, 1);
    for _ in 0..2 {
        provision::drop(&fixture.superuser, &name).await.unwrap();
    }
    let names = fixture.texts("select datname::text as text from pg_database").await;
    assert!(!names.contains(&name));
}
