drop table items;
drop table prices;
