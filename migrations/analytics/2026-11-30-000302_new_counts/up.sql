-- What events add to counters is written with them as one row, and added to the counters a moment later together with that of others:
-- a counter is then written once for many calls, and no call waits for a counter that another one adds to.
create table new_counts (
    id   bigint generated always as identity primary key,
    body bytea  not null
);
-- Rows live for a moment, so to compress them would be work for nothing.
alter table new_counts alter column body set storage external;
comment on table new_counts is 'What was counted and is not in the counters yet; each row is added to them and deleted in one transaction.';
comment on column new_counts.id is 'Order in which they are added.';
comment on column new_counts.body is 'What to add to which counters, as the message Counts of store/new_counts.rs.';

-- What a session did before is known from the statement that adds to it.
alter table sessions add column steps_before int not null default 0;
comment on column sessions.steps_before is 'The steps before the latest change.';
