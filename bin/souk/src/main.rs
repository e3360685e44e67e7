//! The binary; everything is in the library, so that tests can call it.

use clap::Parser;
use souk::commands::{self, Cli};
use souk::output;
use std::process::ExitCode;

/// A call makes many small allocations, on which the system's allocator spends a tenth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Several dependencies bring a TLS provider, so rustls needs an explicit default. It fails only if one is set already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::note(format_args!("souk: cannot start the runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(commands::run(cli));
    // Do not wait for blocking threads, e.g. one that reads from standard input.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::note(format_args!("souk: {error:#}"));
            ExitCode::from(commands::exit_code(&error))
        }
    }
}
