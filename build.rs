//! Compiles `proto/` for `libs/contracts`: messages, clients and servers, the descriptor set, and what our own options say
//! (method policies, events, reasons, validators). Needs no protoc. Fails with file, line and name when the contract is
//! incomplete, and names every gap at once.

#[path = "build/contract.rs"]
mod contract;
#[path = "build/serve.rs"]
mod serve;
#[path = "build/shapes.rs"]
mod shapes;
#[path = "build/tables.rs"]
mod tables;
#[path = "build/validators.rs"]
mod validators;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let root = manifest
        .ancestors()
        .find(|folder| folder.join("proto/souk").is_dir())
        .ok_or("no folder above this package holds proto/souk")?;
    // Absolute, because the package's own folder does not hold what is watched.
    for watched in ["proto", "third_party/proto", "build", "build.rs"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }

    let mut compiler = protox::Compiler::new([root.join("proto"), root.join("third_party/proto")])?;
    compiler.include_imports(true).include_source_info(true);
    if let Err(error) = compiler.open_files(protos(&root.join("proto"))?) {
        fail(&[format!("{error:?}")]);
    }
    // The encoded set keeps our options and the comments, so grpcurl shows both; the decoded one loses the options.
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;

    let pool = compiler.descriptor_pool();
    let contract = contract::read(&pool).unwrap_or_else(|gaps| fail(&gaps));
    fs::write(out.join("tables.rs"), tables::generate(&contract) + &serve::generate(&contract))?;
    let rules = validators::generate(&pool).unwrap_or_else(|gaps| fail(&gaps));
    fs::write(out.join("validators.rs"), rules)?;

    let mut files = compiler.file_descriptor_set();
    files.file.retain(|file| !contract::only_options(file.package()));
    let mut config = tonic_prost_build::Config::new();
    // The result of an operation travels as `google.protobuf.Any`, which needs the full name.
    config.enable_type_names();
    tonic_prost_build::configure()
        .codec_path("crate::codec::CheckedCodec")
        // Ordered maps encode the same message to the same bytes every time: digests and request replays rely on it.
        .btree_map(".")
        .include_file("messages.rs")
        .compile_fds_with_config(files, config)?;
    Ok(())
}

fn protos(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
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
