//! Idempotency keys: a mutating call that is repeated with the same `request_id` returns the stored response and changes nothing.

use crate::schema::request_replay;
use crate::tx::InTransaction;
use crate::{Db, Tx, statement};
use contracts::Mutation;
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::{Common, Fault, context};
use prost::Message;
use uuid::Uuid;

/// Identifies a call. Request ids are unique per caller, and each stands for one method and one request body.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    caller: String,
    request_id: Uuid,
    method: &'static str,
    digest: Vec<u8>,
}

impl Key {
    /// The key of a request of the current caller; none where it has no `request_id`.
    pub fn of<M: Mutation>(request: &M) -> Result<Option<Self>, Fault> {
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

impl Key {
    /// Whether a call repeats another one: none where the two have nothing to do with each other. Refused where it has the other's
    /// `request_id` for another request.
    pub fn repeats(&self, other: &Self) -> Option<Result<(), Fault>> {
        let is_same_id = self.caller == other.caller && self.request_id == other.request_id;
        is_same_id.then(|| if self == other { Ok(()) } else { Err(self.reused()) })
    }

    fn reused(&self) -> Fault {
        let message = "this request_id was used for another request; use a new one";
        Fault::new(Common::RequestIdReused, message).with("request_id", self.request_id)
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
        let Some(key) = Key::of(request)? else { return Ok(None) };
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
        let Some(key) = Key::of(request)? else {
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

/// The stored responses to calls that one transaction answers together, in the order of their keys. The caller has locked what the calls
/// change, so that of two with one key the second finds what the first stored.
pub async fn find_all<R: Message + Default>(
    tx: &mut Tx,
    keys: &[&Key],
) -> Result<Vec<Option<Result<R, Fault>>>, Fault> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Stored> = statement(
        "select caller, request_id, method, digest, response from request_replay
         where (caller, request_id) in (select * from unnest($1, $2))
           and created_at > now() - interval '24 hours'",
    )
    .bind::<Array<Text>, _>(keys.iter().map(|key| &*key.caller).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(keys.iter().map(|key| key.request_id).collect::<Vec<_>>())
    .get_results(tx.conn())
    .await?;
    let of = |key: &Key| {
        let row =
            rows.iter().find(|row| row.caller == key.caller && row.request_id == key.request_id);
        row.map(|row| answer(key, &row.method, &row.digest, row.response.as_deref()))
    };
    Ok(keys.iter().map(|key| of(key)).collect())
}

/// Stores the responses to calls that one transaction answers. Where another transaction has answered one of them meanwhile, this one is
/// to be repeated.
pub async fn store_all<R: Message>(tx: &mut Tx, answers: &[(&Key, &R)]) -> Result<(), Fault> {
    if answers.is_empty() {
        return Ok(());
    }
    // In one order, so that two transactions with the same keys do not deadlock.
    let mut answers: Vec<&(&Key, &R)> = answers.iter().collect();
    answers.sort_by(|left, right| left.0.cmp(right.0));
    let stored = statement(
        "insert into request_replay as mine (caller, request_id, method, digest, response)
         select * from unnest($1, $2, $3, $4, $5)
         on conflict (caller, request_id) do update
         set method = excluded.method, digest = excluded.digest, response = excluded.response,
             created_at = clock_timestamp()
         where mine.created_at <= now() - interval '24 hours'",
    )
    .bind::<Array<Text>, _>(answers.iter().map(|(key, _)| &*key.caller).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(answers.iter().map(|(key, _)| key.request_id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(answers.iter().map(|(key, _)| key.method).collect::<Vec<_>>())
    .bind::<Array<Binary>, _>(answers.iter().map(|(key, _)| &*key.digest).collect::<Vec<_>>())
    .bind::<Array<Binary>, _>(
        answers.iter().map(|(_, own)| own.encode_to_vec()).collect::<Vec<_>>(),
    )
    .execute(tx.conn())
    .await?;
    if stored < answers.len() {
        let message = "the same request was answered meanwhile; repeat it";
        return Err(Fault::new(Common::Contended, message));
    }
    Ok(())
}

#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::pg::Pg))]
struct Stored {
    #[diesel(sql_type = Text)]
    caller: String,
    #[diesel(sql_type = SqlUuid)]
    request_id: Uuid,
    #[diesel(sql_type = Text)]
    method: String,
    #[diesel(sql_type = Binary)]
    digest: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    response: Option<Vec<u8>>,
}

async fn find<R: Message + Default>(tx: &mut Tx, key: &Key) -> Result<Option<R>, Fault> {
    let row: Option<(String, Vec<u8>, Option<Vec<u8>>)> = request_replay::table
        .find((&key.caller, key.request_id))
        .filter(request_replay::created_at.gt(diesel::dsl::sql("now() - interval '24 hours'")))
        .select((request_replay::method, request_replay::digest, request_replay::response))
        .first(tx.conn())
        .await
        .optional()?;
    let Some((method, digest, response)) = row else { return Ok(None) };
    answer(key, &method, &digest, response.as_deref()).map(Some)
}

/// What was stored under a key, for the call that it is of.
fn answer<R: Message + Default>(
    key: &Key,
    method: &str,
    digest: &[u8],
    response: Option<&[u8]>,
) -> Result<R, Fault> {
    if method != key.method || digest != key.digest {
        return Err(key.reused());
    }
    let response = response.ok_or_else(|| Fault::internal("a stored request has no answer"))?;
    R::decode(response).map_err(Fault::internal)
}

/// Claims the request id; false if it was claimed before. Waits for a concurrent transaction that has claimed it.
async fn claim(tx: &mut Tx, key: &Key) -> Result<bool, Fault> {
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

async fn store(tx: &mut Tx, key: &Key, response: &impl Message) -> Result<(), Fault> {
    diesel::update(request_replay::table.find((&key.caller, key.request_id)))
        .set(request_replay::response.eq(response.encode_to_vec()))
        .execute(tx.conn())
        .await?;
    Ok(())
}
