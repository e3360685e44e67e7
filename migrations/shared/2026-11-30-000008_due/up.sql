-- What background work waits for is read every two seconds.
create index operations_ended on operations (updated_at) where state <> 'running';
