alter table early add column arrived_at timestamptz;
create index early_arrived on early (arrived_at, kept_at) where arrived_at is not null;
comment on column early.arrived_at is 'When what it waits for came in the company of a suspect: since then it waits for being handled with nothing else in flight.';
