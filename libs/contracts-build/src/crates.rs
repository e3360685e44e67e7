//! Which crate holds the code of which package: `contracts` that of `souk.type` and `souk.operations`, which every service uses, and
//! `<service>-api` that of `souk.<service>`.

use heck::{ToSnakeCase, ToUpperCamelCase};
use prost_reflect::FileDescriptor;

const SHARED: [&str; 2] = ["operations", "type"];

/// What a contract may import from elsewhere. `contracts` ships the descriptors of all of them, because a set of descriptors holds each
/// file once.
const IMPORTS: [&str; 11] = [
    "buf/validate/validate.proto",
    "google/api/annotations.proto",
    "google/api/http.proto",
    "google/protobuf/any.proto",
    "google/protobuf/descriptor.proto",
    "google/protobuf/duration.proto",
    "google/protobuf/empty.proto",
    "google/protobuf/field_mask.proto",
    "google/protobuf/struct.proto",
    "google/protobuf/timestamp.proto",
    "google/protobuf/wrappers.proto",
];

/// The packages whose code one crate holds.
pub struct Packages {
    folders: Vec<String>,
    /// Whether the crate is `contracts`.
    shared: bool,
}

impl Packages {
    pub fn of_crate(name: &str) -> Self {
        match name.strip_suffix("-api") {
            Some(service) => Self { folders: vec![service.to_owned()], shared: false },
            None => Self { folders: SHARED.map(str::to_owned).to_vec(), shared: true },
        }
    }

    /// Their folders in `proto/souk`.
    pub fn folders(&self) -> &[String] {
        &self.folders
    }

    /// The module of a package: `::contracts::types::v1` for `souk.type.v1`, `crate::v1` for a package of this crate.
    pub fn module(&self, package: &str) -> String {
        let (service, version) = (owner(package), package.split('.').nth(2).unwrap_or_default());
        let shared = SHARED.contains(&service);
        let root = match (self.contains(package), shared) {
            (true, _) => "crate".to_owned(),
            (false, true) => "::contracts".to_owned(),
            (false, false) => format!("::{}_api", service.to_snake_case()),
        };
        match service {
            "type" => format!("{root}::types::{version}"),
            "operations" => format!("{root}::operations::{version}"),
            _ => format!("{root}::{version}"),
        }
    }

    /// The path of a generated type: `::contracts::types::v1::Money` for `souk.type.v1.Money`.
    pub fn rust_type(&self, full_name: &str) -> String {
        let parts: Vec<&str> = full_name.split('.').collect();
        let (package, inner) = parts.split_at(parts.len().min(3));
        let (name, outer) = inner.split_last().unwrap_or((&"", &[]));
        let name = name.to_upper_camel_case();
        let path = outer.iter().fold(self.module(&package.join(".")), |path, part| {
            format!("{path}::{}", part.to_snake_case())
        });
        format!("{path}::{name}")
    }

    /// Whether some crate ships the file's descriptor.
    pub fn knows(&self, file: &FileDescriptor) -> bool {
        let package = file.package_name();
        ours(package) || only_options(package) || IMPORTS.contains(&file.name())
    }

    /// Whether the crate's descriptors hold this package's files: its own, and in `contracts` all that come from elsewhere.
    pub fn ships(&self, package: &str) -> bool {
        self.contains(package) || (self.shared && !ours(package))
    }

    /// Files from elsewhere that are compiled whether or not one of this crate's own imports them.
    pub fn imports(&self) -> &[&str] {
        if self.shared { &IMPORTS } else { &[] }
    }

    pub fn contains(&self, package: &str) -> bool {
        ours(package) && self.folders.iter().any(|folder| folder == owner(package))
    }
}

/// Packages that only declare options: nothing is generated for them.
pub fn only_options(package: &str) -> bool {
    package.starts_with("buf.") || package == "google.api" || package == "souk.options.v1"
}

/// True for the packages whose messages are ours.
pub fn ours(package: &str) -> bool {
    package.starts_with("souk.") && !only_options(package)
}

/// `pricing` of the package `souk.pricing.v1`.
pub fn owner(package: &str) -> &str {
    package.split('.').nth(1).unwrap_or_default()
}
