-- Channels and customer groups are names: they are kept as they are compared (kernel::name::fold). Two prices that differ by case alone
-- would violate the natural key, so one of them is to be deleted before; the error names it.
update prices set
    channel = lower(upper(normalize(channel, nfkc))),
    customer_group = lower(upper(normalize(customer_group, nfkc)))
where channel <> lower(upper(normalize(channel, nfkc)))
   or customer_group <> lower(upper(normalize(customer_group, nfkc)));
