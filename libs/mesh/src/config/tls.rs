use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;

/// Encryption between services, with a certificate on both sides.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Tls {
    /// Certificate of this process with its chain, in PEM. With the other two files, whoever calls the gRPC port has to show one of the same
    /// authority, and addresses of other services may begin with `https://`. Left out: nothing is encrypted.
    pub cert_file: Option<PathBuf>,
    /// Key of the certificate, in PEM.
    pub key_file: Option<PathBuf>,
    /// Certificates of the authorities that both sides trust, in PEM: two of them while one is replaced.
    pub ca_file: Option<PathBuf>,
    /// Seconds after which the files are read again.
    pub reload_seconds: u64,
}

impl Default for Tls {
    fn default() -> Self {
        Self { cert_file: None, key_file: None, ca_file: None, reload_seconds: 10 }
    }
}

impl Tls {
    pub(super) fn validate(&self, problems: &mut Vec<String>) {
        let files = [&self.cert_file, &self.key_file, &self.ca_file];
        let named = files.iter().filter(|file| file.is_some()).count();
        if named != 0 && named != files.len() {
            problems.push("tls: cert_file, key_file and ca_file belong together".to_owned());
        }
        if !(1..=3_600).contains(&self.reload_seconds) {
            problems.push("tls.reload_seconds: must be between 1 and 3600".to_owned());
        }
    }
}
