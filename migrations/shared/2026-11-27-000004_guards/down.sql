alter table attempts drop column started_at;
drop table versions;
