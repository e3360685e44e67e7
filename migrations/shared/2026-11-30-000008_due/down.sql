drop index operations_ended;
