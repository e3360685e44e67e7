//! The runs of the battery. The short tier and the full runs are the same functions with other numbers.

pub mod b01;
pub mod b02;
pub mod b03;
pub mod b04;
pub mod b07;
pub mod b08;
pub mod b09;
pub mod b11;
pub mod b13;
pub mod b33;
pub mod full;
pub mod lost;
pub mod mutants;
pub mod network;
pub mod shared;

use crate::points::POINTS;
use anyhow::{Result, ensure};
use std::path::Path;
use std::time::Duration;

pub use full::Full;
pub use shared::Part;

/// Does a full run, or a part of it; of b02 only the points whose names begin with `at`.
pub async fn run_full(run: Full, seed: u64, part: Part, at: &str, program: &Path) -> Result<()> {
    println!("{run:?} seed={seed}");
    let part = &part;
    match run {
        Full::B01 => b01::run(&b01::Scale::full(part), seed, program).await,
        Full::B02 => {
            let points: Vec<_> = POINTS.iter().filter(|point| point.name.starts_with(at)).collect();
            ensure!(!points.is_empty(), "no point's name begins with {at:?}");
            let wait = b02::Action::Delay(Duration::from_secs(10));
            b02::run(&points, &[b02::Action::Abort, b02::Action::Error, wait], seed, program).await
        }
        Full::B03 => b03::run(&b03::Scale::full(part), seed, program).await,
        Full::B04 => b04::run(&b04::Scale::full(part), seed, program).await,
        Full::B07 => b07::run(&b07::Scale::full(part), seed, program).await,
        Full::B08 => b08::full(&b08::Scale::full(part), seed, program).await,
        Full::B09 => b09::run(&b09::Scale::full(part), seed, program).await,
        Full::B11 => b11::run(part.count(50), seed, program).await,
        Full::B13 => b13::run(seed, program).await,
        Full::B33 => b33::run(seed, program).await,
        Full::Lost => lost::run(part.of(20_000), seed, program).await,
        Full::Network => network::run(part.count(20), seed, program).await,
    }
}
