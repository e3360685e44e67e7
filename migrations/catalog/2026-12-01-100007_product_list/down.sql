drop table list_due, product_list_prices, product_list;
alter table products drop column tags, drop column images;
