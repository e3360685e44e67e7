include!(concat!(env!("OUT_DIR"), "/messages.rs"));
