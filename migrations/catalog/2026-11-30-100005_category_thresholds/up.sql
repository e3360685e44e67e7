alter table categories add column low_stock_threshold bigint check (low_stock_threshold >= 0);
comment on column categories.low_stock_threshold is 'Stock of the products below is low at this quantity or below; null: as the category above says.';
