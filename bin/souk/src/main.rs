//! The binary; everything is in the library, so that tests can call it.

use clap::Parser;
use souk::commands::{self, Cli};
use souk::say;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Several crates bring a TLS provider, so rustls must be told which one counts. It fails only where one was chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            say::note(format_args!("souk: cannot start the runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(commands::run(cli));
    // A blocking thread, say one that waits for standard input, must not hold up the end.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::note(format_args!("souk: {error:#}"));
            ExitCode::from(commands::exit_code(&error))
        }
    }
}
