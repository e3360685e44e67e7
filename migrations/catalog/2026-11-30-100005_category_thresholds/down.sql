alter table categories drop column low_stock_threshold;
