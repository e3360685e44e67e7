//! Generates Rust code from `proto/`: messages, clients and servers, the descriptor set, and what our own options define (method
//! policies, events, reasons, validators). Needs no protoc. If the contract is incomplete, the build fails and reports all gaps, each
//! with file, line and name.
//!
//! Each service's packages are compiled into a crate of their own, so that editing them rebuilds only the crates that use them.
#![allow(
    clippy::print_stdout,
    missing_docs,
    reason = "this is how a build script talks to cargo; used by build scripts only"
)]

mod contract;
mod crates;
mod serve;
mod shapes;
mod tables;
mod validators;

use prost_reflect::{DescriptorPool, prost};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Generates the code of the crate whose build script calls it, into `OUT_DIR`.
pub fn generate() {
    if let Err(error) = try_generate() {
        fail(&[error.to_string()]);
    }
}

fn try_generate() -> Result<(), Box<dyn Error>> {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let own = crates::Packages::of_crate(&env::var("CARGO_PKG_NAME")?);
    let root = manifest
        .ancestors()
        .find(|folder| folder.join("proto/souk").is_dir())
        .ok_or("no folder above this package holds proto/souk")?;

    let includes = [root.join("proto"), root.join("third_party/proto")];
    let mut compiler = protox::Compiler::new(&includes)?;
    compiler.include_imports(true).include_source_info(true);
    let mut files = Vec::new();
    for folder in own.folders() {
        let folder = root.join("proto/souk").join(folder);
        // Watches for new files too.
        println!("cargo::rerun-if-changed={}", folder.display());
        files.extend(protos(&folder)?);
    }
    if let Err(error) = compiler.open_files(files) {
        fail(&[format!("{error:?}")]);
    }
    compiler.open_files(own.imports())?;
    let pool = compiler.descriptor_pool();
    let unshipped = pool.files().filter(|file| !own.knows(file));
    let unshipped: Vec<String> = unshipped
        .map(|file| {
            format!("{}: add it to IMPORTS of libs/contracts-build/src/crates.rs", file.name())
        })
        .collect();
    if !unshipped.is_empty() {
        fail(&unshipped);
    }
    for file in pool.files() {
        for path in includes.iter().map(|folder| folder.join(file.name())) {
            if path.is_file() {
                println!("cargo::rerun-if-changed={}", path.display());
            }
        }
    }
    fs::write(out.join("descriptors.bin"), descriptors(&pool, &own))?;

    let contract = contract::read(&pool, &own).unwrap_or_else(|gaps| fail(&gaps));
    let tables = tables::generate(&contract, &own) + &serve::generate(&contract, &own);
    fs::write(out.join("tables.rs"), tables)?;
    let rules = validators::generate(&pool, &own).unwrap_or_else(|gaps| fail(&gaps));
    fs::write(out.join("validators.rs"), rules)?;

    let mut files = compiler.file_descriptor_set();
    let mut config = tonic_prost_build::Config::new();
    // The result of an operation travels as `google.protobuf.Any`, which needs the full name.
    config.enable_type_names();
    for package in pool.files().map(|file| file.package_name().to_owned()) {
        if crates::ours(&package) && !own.contains(&package) {
            config.extern_path(format!(".{package}"), own.module(&package));
        }
    }
    files.file.retain(|file| !crates::only_options(file.package()));
    // The messages of other crates stay: prost derives traits by what fields hold. It writes no code for them.
    for file in files.file.iter_mut().filter(|file| !own.contains(file.package())) {
        file.service.clear();
    }
    tonic_prost_build::configure()
        .codec_path("::contracts::codec::CheckedCodec")
        // Ordered maps encode the same message to the same bytes every time: digests and request replays rely on it.
        .btree_map(".")
        .include_file("messages.rs")
        .compile_fds_with_config(files, config)?;
    Ok(())
}

/// The encoded `FileDescriptorSet` of this crate's files; the crates that it uses have those that they import. Encoded file by file,
/// because the decoded type has no room for our options, which grpcurl shows.
fn descriptors(pool: &DescriptorPool, own: &crates::Packages) -> Vec<u8> {
    let mut set = Vec::new();
    for file in pool.files().filter(|file| own.ships(file.package_name())) {
        prost::encoding::bytes::encode(1, &file.encode_to_vec(), &mut set);
    }
    set
}

fn protos(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(protos(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn fail(gaps: &[String]) -> ! {
    for gap in gaps {
        println!("cargo::error={}", gap.replace('\n', " "));
    }
    std::process::exit(1)
}
