alter table relay_state drop column losses, drop column lost_how, drop column lost_at;
alter table operations drop column leased_by, drop column leased_until, drop column request;
