//! The contract of analytics, generated from `proto/souk/analytics`.

contracts::api!(analytics);
