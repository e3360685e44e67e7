//! The contract of gateway, generated from `proto/souk/gateway`.

contracts::api!(gateway);
