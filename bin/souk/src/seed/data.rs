//! The kinds of products, by department.

pub mod electronics;
pub mod fashion;
pub mod home;
pub mod sports;
pub mod workshop;
