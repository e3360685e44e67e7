-- What most happened to is asked of all products: one counter of each instead of one for each type of event and currency.
insert into counters (dimension, grain, bucket, value, event_type, currency, events, units, amount_minor)
select dimension, grain, bucket, value, 'any', '', sum(events), sum(units), 0
from counters where dimension = 'product'
group by dimension, grain, bucket, value;
-- Of columns that no update of a count changes.
create index counters_totals on counters (dimension, grain, bucket) where event_type = 'any';
comment on column counters.event_type is 'Type of the events; any for sessions and customers whatever they did, and for all events of a product.';
comment on column counters.amount_minor is 'Sum of the totals, for dimension product of the lines, in minor units; 0 for event_type any.';
