drop table stock_due, product_stock, display_prices, display_levels, display_warehouses;
update products set status = 'archived' where status = 'inactive';
alter table products drop constraint products_status_check;
alter table products add constraint products_status_check check (status in ('draft', 'active', 'archived'));
