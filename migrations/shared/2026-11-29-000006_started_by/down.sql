comment on column inbox.claimed_at is 'When it was handled.';
comment on table inbox is 'Events whose effect is committed: claimed in the transaction of the effect, so it happens once.';
alter table attempts drop column started_by;
