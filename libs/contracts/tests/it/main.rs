//! Generated code of services, as its users see it.

mod bounds;
mod policies;
mod rules;
