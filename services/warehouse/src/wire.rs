//! Between the contract's messages and the domain.

pub mod allocation;
pub mod incoming;
pub mod level;
pub mod reservation;
pub mod stock_update;
pub mod warehouse;
