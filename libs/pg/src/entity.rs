//! Aggregates and their tables. An aggregate says once what its events are ([`Published`]) and where its rows are ([`Stored`]);
//! reading, locking, paging and writing it by its head then is the same for all. [`save`] and [`save_all`] are the only
//! writers: rows and events in one transaction, so that no state changes without its event.

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
