drop index early_arrived;
alter table early drop column arrived_at;
