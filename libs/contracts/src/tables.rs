use crate::aggregate::{Aggregate, Observed, Unreadable};
use crate::event::{Event, EventInfo, Fact};
use crate::policy::{Idempotency, Policy};
use crate::reason::{Kind, Reason, ReasonInfo};
use crate::rpc::{Mutation, PageRequest, Rpc};

include!(concat!(env!("OUT_DIR"), "/tables.rs"));
