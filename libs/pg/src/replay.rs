//! Idempotency keys: a mutating call that is repeated with the same `request_id` returns the stored response and changes nothing.

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

/// Identifies a call. Request ids are unique per caller, and each stands for one method and one request body.
#[derive(Clone)]
struct RequestKey {
    caller: String,
    request_id: Uuid,
    method: &'static str,
    digest: Vec<u8>,
}

impl RequestKey {
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
            digest: digest(request, request_id),
        }))
    }
}

/// Digest of the request, however its id is spelled.
fn digest<M: Mutation>(request: &M, request_id: Uuid) -> Vec<u8> {
    let spelled = request_id.to_string();
    let body = match request.request_id() == spelled {
        true => request.encode_to_vec(),
        false => request.with_request_id(spelled).encode_to_vec(),
    };
    kernel::digest::sha256(&body).to_vec()
}

impl Db {
    /// The stored response to this request, if it was answered before. Handlers that call another service check this first: a
    /// repeated request must return the same response even if the other service would answer differently now.
    pub async fn replayed<M: Mutation>(&self, request: &M) -> Result<Option<M::Response>, Fault> {
        let Some(key) = RequestKey::of(request)? else { return Ok(None) };
        let key = &key;
        self.read("replay.find", async |tx| find(tx, key).await).await
    }

    /// Like [`Db::write`], but at most once for each `request_id`: the response is stored in the same transaction. A concurrent
    /// duplicate waits for the first call and returns the same response; a failed call stores nothing.
    pub async fn write_once<M, F>(&self, request: &M, body: F) -> Result<M::Response, Fault>
    where
        M: Mutation,
        for<'t> F: AsyncFnOnce(&'t mut Tx) -> Result<M::Response, Fault>
            + InTransaction<&'t mut Tx, Result<M::Response, Fault>, Running: Send>
            + Clone
            + Send
            + Sync,
    {
        let Some(key) = RequestKey::of(request)? else {
            return self.write(M::METHOD, body).await;
        };
        let (key, body) = (&key, &body);
        self.write(M::METHOD, async move |tx| {
            if !claim(tx, key).await? {
                return find(tx, key).await?.ok_or_else(|| {
                    Fault::new(Common::Contended, "the same request is being answered; repeat it")
                });
            }
            let response = (body.clone())(tx).await?;
            store(tx, key, &response).await?;
            Ok(response)
        })
        .await
    }
}

async fn find<R: Message + Default>(tx: &mut Tx, key: &RequestKey) -> Result<Option<R>, Fault> {
    let row: Option<(String, Vec<u8>, Option<Vec<u8>>)> = request_replay::table
        .find((&key.caller, key.request_id))
        .filter(request_replay::created_at.gt(diesel::dsl::sql("now() - interval '24 hours'")))
        .select((request_replay::method, request_replay::digest, request_replay::response))
        .first(tx.conn())
        .await
        .optional()?;
    let Some((method, digest, response)) = row else { return Ok(None) };
    if method != key.method || digest != key.digest {
        return Err(Fault::new(
            Common::RequestIdReused,
            "this request_id was used for another request; use a new one",
        )
        .with("request_id", key.request_id));
    }
    let response = response.ok_or_else(|| Fault::internal("a stored request has no answer"))?;
    R::decode(response.as_slice()).map(Some).map_err(Fault::internal)
}

/// Claims the request id; false if it was claimed before. Waits for a concurrent transaction that has claimed it.
async fn claim(tx: &mut Tx, key: &RequestKey) -> Result<bool, Fault> {
    let claimed = statement(
        "insert into request_replay as mine (caller, request_id, method, digest)
         values ($1, $2, $3, $4)
         on conflict (caller, request_id) do update
         set method = excluded.method, digest = excluded.digest, response = null,
             created_at = clock_timestamp()
         where mine.created_at <= now() - interval '24 hours'",
    )
    .bind::<Text, _>(&key.caller)
    .bind::<SqlUuid, _>(key.request_id)
    .bind::<Text, _>(key.method)
    .bind::<Binary, _>(&key.digest)
    .execute(tx.conn())
    .await?;
    Ok(claimed == 1)
}

async fn store(tx: &mut Tx, key: &RequestKey, response: &impl Message) -> Result<(), Fault> {
    diesel::update(request_replay::table.find((&key.caller, key.request_id)))
        .set(request_replay::response.eq(response.encode_to_vec()))
        .execute(tx.conn())
        .await?;
    Ok(())
}
