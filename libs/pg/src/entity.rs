//! Aggregates in tables. An aggregate implements [`Published`] (its events) and [`Stored`] (its table); this module then reads, locks,
//! lists and writes it. [`save`] and [`save_all`] are the only functions that write: they store rows and events in one transaction, so
//! that no change lacks its event.

mod find;
mod list;
mod lock;
mod save;
mod stored;

pub use find::{find, get};
pub use list::{List, list};
pub use lock::{Lock, lock, lock_all, lock_reference, lock_to_delete};
pub use save::{columns, save, save_all};
pub use stored::{Published, Stored};
