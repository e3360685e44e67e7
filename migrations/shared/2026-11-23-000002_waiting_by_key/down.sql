drop index outbox_refused;
drop index early_awaited;
create index early_awaited on early (consumer, awaited);
