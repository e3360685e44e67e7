alter table sessions drop column steps_before;
drop table new_counts;
