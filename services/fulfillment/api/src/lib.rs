//! The contract of fulfillment, generated from `proto/souk/fulfillment`.

contracts::api!(fulfillment);
