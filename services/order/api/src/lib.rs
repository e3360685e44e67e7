//! The contract of order, generated from `proto/souk/order`.

contracts::api!(order);
