create table aggregate_heads (
    family  text   collate "C" not null,
    key     text   collate "C" not null,
    subject text   not null,
    version bigint not null,
    digest  bytea,
    primary key (family, key)
);
comment on table aggregate_heads is 'What was published last of each aggregate, written with the event: what copies of it compare themselves with.';
comment on column aggregate_heads.family is 'The aggregates of one kind: the subjects of their events up to the last word.';
comment on column aggregate_heads.key is 'The aggregate.';
comment on column aggregate_heads.subject is 'Subject of its newest event.';
comment on column aggregate_heads.version is 'Version of its newest event.';
comment on column aggregate_heads.digest is 'SHA-256 of the public state that the event carries; null: the aggregate has been deleted.';

create table projection_heads (
    family  text   collate "C" not null,
    key     text   collate "C" not null,
    version bigint not null,
    digest  bytea,
    primary key (family, key)
);
comment on table projection_heads is 'The newest state of each aggregate of another service that this one has taken over into a copy; deletions stay.';
comment on column projection_heads.family is 'The aggregates of one kind: the subjects of their events up to the last word.';
comment on column projection_heads.key is 'The aggregate.';
comment on column projection_heads.version is 'Version of the state; 0: whatever comes next is newer.';
comment on column projection_heads.digest is 'SHA-256 of the public state; null: the aggregate has been deleted.';
