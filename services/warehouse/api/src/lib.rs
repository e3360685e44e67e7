//! The contract of warehouse, generated from `proto/souk/warehouse`.

contracts::api!(warehouse);
