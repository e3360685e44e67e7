//! Creates databases and roles for development and tests; in production the operator's tools do. Development has one database and one
//! role for each service, both named `souk_<service>`.

use diesel::sql_types::{Bool, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use fault::Fault;
use secrecy::{ExposeSecret, SecretString};

/// Key of the advisory lock: an arbitrary number, the same in every process.
const LOCK_KEY: i64 = 0x736f_756c;

/// Creates a role and a database that it owns and no other role can connect to, and the extensions that only a superuser may create. An existing role gets this
/// password, an existing database keeps its data. `superuser` is the URL of a superuser. Safe to call concurrently.
pub async fn create(superuser: &SecretString, name: &str, password: &str) -> Result<(), Fault> {
    let mut server = connect(superuser.expose_secret()).await?;
    // Checking and creating are two statements. The lock ends with the connection.
    server.batch_execute(&format!("select pg_advisory_lock({LOCK_KEY})")).await?;
    let known = "select exists (select 1 from pg_roles where rolname = $1)";
    let verb = if exists(&mut server, known, name).await? { "alter" } else { "create" };
    let sql = format!("{verb} role {} login password {}", identifier(name), literal(password));
    server.batch_execute(&sql).await?;
    if !exists(&mut server, "select exists (select 1 from pg_database where datname = $1)", name)
        .await?
    {
        let sql = format!("create database {0} owner {0}", identifier(name));
        server.batch_execute(&sql).await?;
    }
    // PostgreSQL lets every role connect to every database unless told otherwise; the owner needs no grant.
    let sql = format!("revoke connect, temporary on database {} from public", identifier(name));
    server.batch_execute(&sql).await?;
    let mut database = connect(&at(superuser.expose_secret(), name)).await?;
    database.batch_execute("create extension if not exists btree_gist").await?;
    Ok(())
}

/// Creates a database as a copy of a template, which is much faster than running migrations. Nobody may be connected to the template.
pub async fn copy(
    superuser: &SecretString,
    template: &str,
    name: &str,
    owner: &str,
) -> Result<(), Fault> {
    let mut server = connect(superuser.expose_secret()).await?;
    let sql = format!(
        "create database {} template {} owner {}",
        identifier(name),
        identifier(template),
        identifier(owner)
    );
    server.batch_execute(&sql).await.map_err(Fault::from)
}

/// Drops a database and closes all connections to it.
pub async fn drop(superuser: &SecretString, name: &str) -> Result<(), Fault> {
    let mut server = connect(superuser.expose_secret()).await?;
    let sql = format!("drop database if exists {} with (force)", identifier(name));
    server.batch_execute(&sql).await.map_err(Fault::from)
}

/// Replaces the database of a URL: `postgres://host/a` and `b` give `postgres://host/b`.
pub fn at(url: &str, database: &str) -> String {
    let (address, arguments) = url.split_once('?').map_or((url, ""), |(a, b)| (a, b));
    let scheme = address.find("://").map_or(0, |at| at + 3);
    let server = address[scheme..].find('/').map_or(address, |slash| &address[..scheme + slash]);
    let query = if arguments.is_empty() { String::new() } else { format!("?{arguments}") };
    format!("{server}/{database}{query}")
}

async fn exists(server: &mut AsyncPgConnection, question: &str, name: &str) -> Result<bool, Fault> {
    #[derive(QueryableByName)]
    struct Answer {
        #[diesel(sql_type = Bool)]
        exists: bool,
    }
    let answer: Answer = sql_query(question).bind::<Text, _>(name).get_result(server).await?;
    Ok(answer.exists)
}

async fn connect(url: &str) -> Result<AsyncPgConnection, Fault> {
    AsyncPgConnection::establish(url)
        .await
        .map_err(|error| Fault::unavailable("the database", error))
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_a_url_is_replaced() {
        assert_eq!(at("postgres://u:p@h:1/a?x=y", "b"), "postgres://u:p@h:1/b?x=y");
        assert_eq!(at("postgres://h", "b"), "postgres://h/b");
    }
}
