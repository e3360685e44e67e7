create table versions (
    consumer text   not null,
    key      text   not null,
    version  bigint not null,
    primary key (consumer, key)
);
comment on table versions is 'Newest version of each aggregate that a consumer has handled, for handlers that want no older event; deletions stay.';
comment on column versions.consumer is 'Durable consumer, which names the publisher.';
comment on column versions.key is 'The aggregate.';
comment on column versions.version is 'Its version; 0 while the first event is being handled.';

alter table attempts add column started_at timestamptz;
comment on column attempts.started_at is 'When it was begun with nothing else in flight; still set after a crash, which then counts as a failure.';
