//! The relay's SQL. A session prepares it once.

/// Most rows that are read at once.
pub(super) const MAX_PAGE_ROWS: usize = 1_000;

/// Bytes of events after which no more are read at once: they are in memory together, and must come within the time that a
/// statement has.
pub(super) const MAX_PAGE_BYTES: usize = 16 * 1024 * 1024;

/// By state and never by a cursor: a transaction that is still open has a smaller `seq` than others that are published.
/// A key with a refused row waits as a whole, so that its order stays.
pub(super) fn unpublished_sql() -> String {
    format!(
        "select seq, id::text, subject, message, key, version, payload,
                headers ->> 'correlation-id', headers ->> 'causation-id', headers ->> 'traceparent',
                (extract(epoch from created_at) * 1000000)::bigint
         from (
           select *, sum(octet_length(payload)) over (order by seq rows unbounded preceding)
                     - octet_length(payload) as before
           from (
             select * from outbox
             where published_at is null
               and seq not in (select unnest($1::bigint[]))
               and key not in (
                 select key from outbox where published_at is null and retry_at > clock_timestamp())
             order by seq
             limit {MAX_PAGE_ROWS}) page) measured
         where before < {MAX_PAGE_BYTES}
         order by seq"
    )
}

pub(super) const MARK: &str = "
    with marked as (
      update outbox
      set published_at = clock_timestamp(), published_seq = done.position,
          retry_at = null, last_error = null
      from unnest($1::bigint[], $2::bigint[]) as done (seq, position)
      where outbox.seq = done.seq)
    update relay_state set acked_seq = $4 where stream = $3";

pub(super) const REFUSE: &str = "
    update outbox
    set attempts = attempts + 1, last_error = $2,
        retry_at = clock_timestamp()
                   + least($3::float8 * power(2, least(attempts, 20)), 300) * interval '1 second'
    where seq = $1";

/// The count is bounded: after a long outage counting itself would take long.
pub(super) const BACKLOG: &str = "
    select (select count(*) from (select from outbox where published_at is null limit 100000) rows),
           coalesce((select extract(epoch from clock_timestamp() - created_at)::float8
                     from outbox where published_at is null order by seq limit 1), 0),
           (select count(*) from outbox where published_at is null and retry_at is not null),
           exists (select 1 from relay_state where stream = $1 and lost_at is not null)";

pub(super) const STATE: &str = "
    select (extract(epoch from stream_created) * 1000000)::bigint, acked_seq
    from relay_state where stream = $1";

pub(super) const KEEP_STATE: &str = "
    insert into relay_state (stream, stream_created, acked_seq)
    values ($1, timestamptz 'epoch' + $2::bigint * interval '1 microsecond', $3)
    on conflict (stream) do update
    set stream_created = excluded.stream_created, acked_seq = excluded.acked_seq";

/// A loss that is not resolved yet keeps its time and cause; a later one is only counted. The new state of the stream is
/// written with it, so that the next leader does not count the same loss again after it was resolved. Unlike a mark it is
/// worth a disk flush: nothing else would find it again.
pub(super) const LOST: &str = "
    with flushed as (select set_config('synchronous_commit', 'on', true))
    update relay_state
    set lost_at = coalesce(lost_at, clock_timestamp()), lost_how = coalesce(lost_how, $2),
        losses = losses + 1,
        stream_created = timestamptz 'epoch' + $3::bigint * interval '1 microsecond', acked_seq = $4
    from flushed
    where stream = $1";
