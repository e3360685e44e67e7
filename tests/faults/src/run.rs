//! The runs of the battery. The short tier and the full runs are the same functions with other numbers.

pub mod b01;
pub mod b02;
pub mod b09;
pub mod b11;
pub mod mutants;

use crate::points::POINTS;
use anyhow::{Result, bail};
use std::path::Path;
use std::time::Duration;

/// Does the full run of that name.
pub async fn full(name: &str, seed: u64, program: &Path) -> Result<()> {
    println!("{name} seed={seed}");
    match name {
        "b01" => b01::run(&b01::Scale::full(), seed, program).await,
        "b02" => {
            let points: Vec<_> = POINTS.iter().collect();
            let wait = b02::Action::Delay(Duration::from_secs(10));
            b02::run(&points, &[b02::Action::Abort, b02::Action::Error, wait], seed, program).await
        }
        "b11" => b11::run(50, seed, program).await,
        _ => bail!("there is no run {name}"),
    }
}
