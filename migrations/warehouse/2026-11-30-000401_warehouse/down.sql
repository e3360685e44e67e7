drop table fulfillments, reservation_lines, reservations, movements, incoming, thresholds_due, levels, sku_rules, categories, products, items, warehouses;
