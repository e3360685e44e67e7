//! The contract of search, generated from `proto/souk/search`.

contracts::api!(search);
