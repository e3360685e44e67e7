drop table projection_heads;
drop table aggregate_heads;
