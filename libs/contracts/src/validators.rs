use crate::validate::{Path, Validate, Violation, is_uuid, is_zero, repeats};

include!(concat!(env!("OUT_DIR"), "/validators.rs"));
