//! The days for which there are partitions.

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Date, Integer};
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::{Tx, statement};

/// Makes the partitions of a day, where they are missing.
pub async fn add(tx: &mut Tx, day: NaiveDate) -> Result<(), Fault> {
    statement("select add_day($1)").bind::<Date, _>(day).execute(tx.conn()).await?;
    Ok(())
}

/// Drops the partitions of all days before one, and returns how many. It gives up after a second where somebody reads them, so that
/// nobody waits behind it.
pub async fn drop_before(tx: &mut Tx, oldest: NaiveDate) -> Result<i32, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        dropped: i32,
    }
    statement("set local lock_timeout = '1s'").execute(tx.conn()).await?;
    let row: Row = statement("select drop_days_before($1) as dropped")
        .bind::<Date, _>(oldest)
        .get_result(tx.conn())
        .await?;
    Ok(row.dropped)
}
