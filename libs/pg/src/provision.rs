//! Databases and roles: one of each for every service, both named `souk_<service>`. Development and tests make them here;
//! in production the operator's tools do.

use diesel::sql_types::{Bool, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use fault::Fault;
use secrecy::{ExposeSecret, SecretString};

/// Any fixed number: it only has to be the same in every process that provisions.
const LOCK: i64 = 0x736f_756c;

/// Makes a role and a database that belongs to it; what exists stays, but the role gets this password. `superuser` is a URL
/// with the right to do so. Extensions that only a superuser may create are created too. Several at once are fine.
pub async fn create(superuser: &SecretString, name: &str, password: &str) -> Result<(), Fault> {
    let mut server = connect(superuser.expose_secret()).await?;
    // "Is it there?" and "make it" are two statements; the lock goes with the connection.
    server.batch_execute(&format!("select pg_advisory_lock({LOCK})")).await?;
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
    let mut database = connect(&at(superuser.expose_secret(), name)).await?;
    database.batch_execute("create extension if not exists btree_gist").await?;
    Ok(())
}

/// Makes a database as a copy of another one, which nobody may be connected to: milliseconds instead of migrations.
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

/// Drops a database, whoever is connected to it.
pub async fn drop(superuser: &SecretString, name: &str) -> Result<(), Fault> {
    let mut server = connect(superuser.expose_secret()).await?;
    let sql = format!("drop database if exists {} with (force)", identifier(name));
    server.batch_execute(&sql).await.map_err(Fault::from)
}

/// A URL with another database: `postgres://host/a` and `b` give `postgres://host/b`.
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
