//! Customer stories that cross services: one file each, in `tests/it`.
