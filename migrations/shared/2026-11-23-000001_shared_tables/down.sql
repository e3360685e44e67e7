drop table operations, request_replay, attempts, early, inbox, relay_state, outbox;
