-- What background work waits for is read every few seconds.
create index operations_ended on operations (updated_at) where state <> 'running';
