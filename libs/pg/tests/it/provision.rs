//! Databases and roles.

use crate::world::{World, count, soon};
use futures::future::join_all;
use pg::{Db, Settings, provision};
use secrecy::ExposeSecret;

/// Whether the role has this password. The servers of tests ask nobody for one, so the stored hash is compared.
async fn has_password(world: &World, role: &str, password: &str) -> bool {
    let question = format!(
        "select count(*) from pg_authid where rolname = '{role}' and rolcanlogin
         and rolpassword = 'md5' || md5('{password}' || rolname)"
    );
    world.count(&question).await == 1
}

/// The superuser's URL under which passwords are stored as a hash that a test can compute: without salt.
fn unsalted(world: &World) -> secrecy::SecretString {
    let url = world.superuser.expose_secret();
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}options=-c%20password_encryption%3Dmd5").into()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_provision_at_once_make_one_role_and_one_database() {
    let mut world = World::new().await;
    let name = world.new_name();
    let superuser = unsalted(&world);
    let all = (0..4).map(|_| {
        let (superuser, name) = (superuser.clone(), name.clone());
        tokio::spawn(async move { provision::create(&superuser, &name, "secret").await })
    });
    for done in soon("all are done", join_all(all)).await {
        done.unwrap().unwrap();
    }
    assert!(has_password(&world, &name, "secret").await);
    let owned = format!(
        "select count(*) from pg_database where datname = '{name}' and datdba = '{name}'::regrole"
    );
    assert_eq!(world.count(&owned).await, 1);
    let database = Db::new("pricing", Settings::of(world.url_of(&name))).unwrap();
    let extension = "select count(*) from pg_extension where extname = 'btree_gist'";
    assert_eq!(count(&database, extension).await, 1);
}

#[tokio::test]
async fn another_password_for_a_role_that_exists_becomes_its_password() {
    let mut world = World::new().await;
    let name = world.new_name();
    let superuser = unsalted(&world);
    provision::create(&superuser, &name, "first").await.unwrap();
    assert!(has_password(&world, &name, "first").await);
    // With what must be quoted in it.
    provision::create(&superuser, &name, "it's second").await.unwrap();
    assert!(!has_password(&world, &name, "first").await);
    assert!(has_password(&world, &name, "it''s second").await);
}

#[tokio::test]
async fn what_is_in_a_database_survives_that_it_is_provisioned_again() {
    let mut world = World::new().await;
    let name = world.new_name();
    provision::create(&world.superuser, &name, "secret").await.unwrap();
    let database = Db::new("pricing", Settings::of(world.url_of(&name))).unwrap();
    let write = database.write("test.write", async |tx| {
        crate::world::execute(tx, "create table kept as select 1 as one").await
    });
    write.await.unwrap();
    provision::create(&world.superuser, &name, "secret").await.unwrap();
    assert_eq!(count(&database, "select count(*) from kept").await, 1);
}

#[tokio::test]
async fn a_database_is_dropped_whoever_is_connected_and_also_when_it_is_not_there() {
    let mut world = World::new().await;
    let name = world.new_name();
    provision::copy(&world.superuser, "template1", &name, "postgres").await.unwrap();
    let connected = Db::new("pricing", Settings::of(world.url_of(&name))).unwrap();
    assert_eq!(count(&connected, "select count(*) from (select 1) one").await, 1);
    for _ in 0..2 {
        provision::drop(&world.superuser, &name).await.unwrap();
    }
    let names = world.texts("select datname::text as text from pg_database").await;
    assert!(!names.contains(&name));
}
