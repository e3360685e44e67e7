//! The contract of catalog, generated from `proto/souk/catalog`.

contracts::api!(catalog);
