drop index counters_totals;
delete from counters where dimension = 'product' and event_type = 'any';
comment on column counters.event_type is 'Type of the events; any for sessions and customers whatever they did.';
comment on column counters.amount_minor is 'Sum of the totals, for dimension product of the lines, in minor units.';
