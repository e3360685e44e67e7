alter table attempts add column started_by uuid;
comment on column attempts.started_by is 'The process that began it: one that finds its own beginning again lives, and has not died of the event.';

comment on table inbox is 'Events whose effect is committed, or which are kept in early: claimed in the same transaction, so it happens once.';
comment on column inbox.claimed_at is 'When it was handled, or kept.';
