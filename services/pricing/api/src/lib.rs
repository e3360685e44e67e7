//! The contract of pricing, generated from `proto/souk/pricing`.

contracts::api!(pricing);
