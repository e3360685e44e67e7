//! A mutating call that is repeated with its `request_id` gets the first answer and has no second effect.

use crate::schema::request_replay;
use crate::tx::InTransaction;
use crate::{Db, Tx, statement};
use contracts::Mutation;
use diesel::prelude::*;
use diesel::sql_types::{Binary, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::{Common, Fault, context};
use prost::Message;
use uuid::Uuid;

/// A call as it is remembered: ids belong to their caller, and stand for one method and one body.
#[derive(Clone)]
struct Ticket {
    caller: String,
    request_id: Uuid,
    method: &'static str,
    digest: Vec<u8>,
}

impl Ticket {
    fn of<M: Mutation>(request: &M) -> Result<Option<Self>, Fault> {
        if request.request_id().is_empty() {
            return Ok(None);
        }
        let request_id = Uuid::parse_str(request.request_id())
            .map_err(|_| Fault::field(Common::InvalidField, "request_id", "must be a UUID"))?;
        Ok(Some(Self {
            caller: context::current().caller.subject.clone(),
            request_id,
            method: M::METHOD,
            digest: kernel::digest::sha256(&request.encode_to_vec()).to_vec(),
        }))
    }
}

impl Db {
    /// The answer that this very request got before, if it did. Look here before asking another service: what was answered
    /// once needs no second check.
    pub async fn replayed<M: Mutation>(&self, request: &M) -> Result<Option<M::Response>, Fault> {
        let Some(ticket) = Ticket::of(request)? else { return Ok(None) };
        let ticket = &ticket;
        self.read("replay.find", async |tx| find(tx, ticket).await).await
    }

    /// Like [`Db::write`], with at most one effect for each `request_id`: the answer is stored in the transaction of the
    /// effect. A concurrent duplicate waits for the first one and gets the same answer; a failed attempt stores nothing.
    pub async fn write_once<M, F>(&self, request: &M, body: F) -> Result<M::Response, Fault>
    where
        M: Mutation,
        for<'t> F: AsyncFnOnce(&'t mut Tx) -> Result<M::Response, Fault>
            + InTransaction<&'t mut Tx, Result<M::Response, Fault>, Running: Send>
            + Clone
            + Send
            + Sync,
    {
        let Some(ticket) = Ticket::of(request)? else {
            return self.write(M::METHOD, body).await;
        };
        let (ticket, body) = (&ticket, &body);
        self.write(M::METHOD, async move |tx| {
            if !claim(tx, ticket).await? {
                return find(tx, ticket).await?.ok_or_else(|| {
                    Fault::new(Common::Contended, "the same request is being answered; repeat it")
                });
            }
            let response = (body.clone())(tx).await?;
            store(tx, ticket, &response).await?;
            Ok(response)
        })
        .await
    }
}

async fn find<R: Message + Default>(tx: &mut Tx, ticket: &Ticket) -> Result<Option<R>, Fault> {
    let row: Option<(String, Vec<u8>, Option<Vec<u8>>)> = request_replay::table
        .find((&ticket.caller, ticket.request_id))
        .filter(request_replay::created_at.gt(diesel::dsl::sql("now() - interval '24 hours'")))
        .select((request_replay::method, request_replay::digest, request_replay::response))
        .first(tx.conn())
        .await
        .optional()?;
    let Some((method, digest, response)) = row else { return Ok(None) };
    if method != ticket.method || digest != ticket.digest {
        return Err(Fault::new(
            Common::RequestIdReused,
            "this request_id was used for another request; use a new one",
        )
        .with("request_id", ticket.request_id));
    }
    let response = response.ok_or_else(|| Fault::internal("a stored request has no answer"))?;
    R::decode(response.as_slice()).map(Some).map_err(Fault::internal)
}

/// Claims the id; false: somebody else did and has committed. Waits while somebody else is at it.
async fn claim(tx: &mut Tx, ticket: &Ticket) -> Result<bool, Fault> {
    let claimed = statement(
        "insert into request_replay as mine (caller, request_id, method, digest)
         values ($1, $2, $3, $4)
         on conflict (caller, request_id) do update
         set method = excluded.method, digest = excluded.digest, response = null,
             created_at = clock_timestamp()
         where mine.created_at <= now() - interval '24 hours'",
    )
    .bind::<Text, _>(&ticket.caller)
    .bind::<SqlUuid, _>(ticket.request_id)
    .bind::<Text, _>(ticket.method)
    .bind::<Binary, _>(&ticket.digest)
    .execute(tx.conn())
    .await?;
    Ok(claimed == 1)
}

async fn store(tx: &mut Tx, ticket: &Ticket, response: &impl Message) -> Result<(), Fault> {
    diesel::update(request_replay::table.find((&ticket.caller, ticket.request_id)))
        .set(request_replay::response.eq(response.encode_to_vec()))
        .execute(tx.conn())
        .await?;
    Ok(())
}
