-- Tables that every service's database has; libs/pg and libs/bus are their only users.

create table outbox (
    seq           bigint generated always as identity primary key,
    id            uuid        not null unique,
    subject       text        not null,
    message       text        not null,
    key           text        not null,
    version       bigint      not null,
    payload       bytea       not null,
    headers       jsonb       not null,
    created_at    timestamptz not null default clock_timestamp(),
    attempts      integer     not null default 0,
    retry_at      timestamptz,
    last_error    text,
    published_at  timestamptz,
    published_seq bigint
);
create index outbox_unpublished on outbox (seq) where published_at is null;
create index outbox_published on outbox (published_at) where published_at is not null;
comment on table outbox is 'Events, written in the transaction of the change that they report; the durable history of what was said.';
comment on column outbox.seq is 'Order of publishing. Per key it is the order of versions, since the row of the aggregate is locked first.';
comment on column outbox.id is 'UUIDv7 of the event; its id on the broker too.';
comment on column outbox.subject is 'Subject it is published under.';
comment on column outbox.message is 'Full name of the message in the payload.';
comment on column outbox.key is 'The aggregate: no two events of one key are in flight at once.';
comment on column outbox.version is 'Version of the aggregate after the change.';
comment on column outbox.headers is 'Correlation id, causation id and trace context of the work that made the change.';
comment on column outbox.attempts is 'How often the broker refused it; an unreachable broker does not count.';
comment on column outbox.retry_at is 'When it is tried again after a refusal; until then its key waits.';
comment on column outbox.last_error is 'Why the broker refused it.';
comment on column outbox.published_at is 'When the broker acknowledged it.';
comment on column outbox.published_seq is 'Its sequence in the stream.';

create table relay_state (
    stream          text primary key,
    stream_created  timestamptz not null,
    acked_seq       bigint      not null
);
comment on table relay_state is 'What the relay knows of its stream, to notice when the broker has lost something.';
comment on column relay_state.stream_created is 'When the stream was created; another value means that it was lost and made anew.';
comment on column relay_state.acked_seq is 'Highest sequence that the broker ever acknowledged.';

create table inbox (
    consumer   text        not null,
    event_id   uuid        not null,
    subject    text        not null,
    claimed_at timestamptz not null default clock_timestamp(),
    primary key (consumer, event_id)
);
create index inbox_claimed on inbox (claimed_at);
comment on table inbox is 'Events whose effect is committed: claimed in the transaction of the effect, so it happens once.';
comment on column inbox.consumer is 'Durable consumer that handled it.';
comment on column inbox.event_id is 'Id of the event.';
comment on column inbox.subject is 'Subject of the event.';
comment on column inbox.claimed_at is 'When it was handled.';

create table early (
    consumer   text        not null,
    event_id   uuid        not null,
    awaited    text        not null,
    subject    text        not null,
    headers    jsonb       not null,
    payload    bytea       not null,
    kept_at    timestamptz not null default clock_timestamp(),
    primary key (consumer, event_id)
);
create index early_awaited on early (consumer, awaited);
create index early_kept on early (kept_at);
comment on table early is 'Events about something not yet known here; applied when it arrives, dead letters after 24 hours.';
comment on column early.awaited is 'What they wait for.';

create table attempts (
    consumer   text        not null,
    event_id   uuid        not null,
    failures   integer     not null default 0,
    last_error text,
    first_at   timestamptz not null default clock_timestamp(),
    last_at    timestamptz not null default clock_timestamp(),
    primary key (consumer, event_id)
);
comment on table attempts is 'Failures of single events, counted here because the broker counts innocent ones too.';

create table request_replay (
    caller     text        not null,
    request_id uuid        not null,
    method     text        not null,
    digest     bytea       not null,
    response   bytea,
    created_at timestamptz not null default clock_timestamp(),
    primary key (caller, request_id)
);
create index request_replay_created on request_replay (created_at);
comment on table request_replay is 'Answers to mutating calls, kept for 24 hours so that a retry gets the first answer.';
comment on column request_replay.caller is 'Subject of the token; ids of different callers never meet.';
comment on column request_replay.digest is 'SHA-256 of the request; another body under the same id is refused.';
comment on column request_replay.response is 'The encoded answer; null only inside the transaction that makes it.';

create table operations (
    id         uuid        primary key,
    kind       text        not null,
    state      text        not null check (state in ('running', 'succeeded', 'failed')),
    done       bigint      not null default 0,
    total      bigint      not null default 0,
    message    text        not null default '',
    result     bytea,
    result_type text,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp()
);
create index operations_running on operations (kind) where state = 'running';
comment on table operations is 'Long-running work: what was asked for, how far it is, what came of it.';
comment on column operations.result is 'The encoded result, once it has succeeded.';
comment on column operations.result_type is 'Full name of the message in the result.';
