-- What operators ask for outlives the process that was asked, and one process at a time works on it.
alter table operations
    add column request      bytea,
    add column leased_until timestamptz,
    add column leased_by    uuid;
comment on column operations.request is 'What was asked for and, where the kind keeps it, how far it has come; encoded by the kind.';
comment on column operations.leased_until is 'Until when the process that took it up works on it; over or null: anybody may take it up.';
comment on column operations.leased_by is 'Which taking up holds the lease: who was frozen for longer than it finds another one here and gives up.';

-- A loss is for an operator to mend, so it is remembered until that is done, whoever relays.
alter table relay_state
    add column lost_at  timestamptz,
    add column lost_how text,
    add column losses   bigint not null default 0;
comment on column relay_state.lost_at is 'When it was first noticed that the broker had lost events that are not yet published again; null: nothing is lost.';
comment on column relay_state.lost_how is 'How that was noticed, for people.';
comment on column relay_state.losses is 'How often a loss was noticed: publishing again makes good only what was lost before it began.';
