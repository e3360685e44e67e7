-- The relay leaves out keys with a refused row each time it looks; without an index that is a walk over all that waits.
create index outbox_refused on outbox (key) where published_at is null and retry_at is not null;

-- What arrives asks for all that waited for it, whichever consumer kept it.
drop index early_awaited;
create index early_awaited on early (awaited);
