//! Generated code of services, as its users see it.

mod policies;
mod rules;
