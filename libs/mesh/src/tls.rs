//! Encryption between services: each shows the other a certificate of one authority. The files are read again while the process runs, so
//! that certificates are replaced without a restart; connections that are open keep theirs until they grow old.

use crate::Tasks;
use crate::config::Tls as Config;
use channel::ClientTls;
use kernel::digest::sha256;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::timeout;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

/// What this process shows and trusts. Clones share it.
#[derive(Clone)]
pub struct Tls {
    files: Arc<Files>,
    current: Arc<RwLock<Current>>,
}

struct Files {
    cert: PathBuf,
    key: PathBuf,
    ca: PathBuf,
    reload: Duration,
}

struct Current {
    pem: Pem,
    server: Arc<ServerConfig>,
}

#[derive(PartialEq, Eq)]
struct Pem {
    cert: Vec<u8>,
    key: Vec<u8>,
    ca: Vec<u8>,
}

impl Tls {
    /// Reads the files; none where the configuration names none.
    pub fn open(config: &Config) -> Result<Option<Self>, String> {
        let (Some(cert), Some(key), Some(ca)) =
            (&config.cert_file, &config.key_file, &config.ca_file)
        else {
            return Ok(None);
        };
        let files = Files {
            cert: cert.clone(),
            key: key.clone(),
            ca: ca.clone(),
            reload: Duration::from_secs(config.reload_seconds),
        };
        let current = files.read()?;
        Ok(Some(Self { files: Arc::new(files), current: Arc::new(RwLock::new(current)) }))
    }

    /// What the server side shows and asks for now.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).server)
    }

    /// What each new connection to another service shows and trusts.
    pub fn client(&self) -> ClientTls {
        let own = self.clone();
        Arc::new(move || {
            let current = own.current.read().unwrap_or_else(PoisonError::into_inner);
            let Pem { cert, key, ca } = &current.pem;
            ClientTlsConfig::new()
                .ca_certificate(Certificate::from_pem(ca))
                .identity(Identity::from_pem(cert, key))
        })
    }

    /// Reads the files again and again.
    pub(crate) fn keep_reading(&self, tasks: &Tasks) {
        let (own, ending) = (self.clone(), tasks.ending());
        tasks.keep("tls", async move {
            while timeout(own.files.reload, ending.cancelled()).await.is_err() {
                own.read_again();
            }
        });
    }

    fn read_again(&self) {
        match self.files.read() {
            Ok(new) => {
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                if current.pem != new.pem {
                    let digest = sha256(&new.pem.cert);
                    let start = digest.iter().take(4).map(|byte| format!("{byte:02x}"));
                    tracing::info!(
                        sha256 = start.collect::<String>(),
                        "a new certificate is shown"
                    );
                    *current = new;
                }
            }
            // Files that are being replaced must not end what works.
            Err(error) => {
                metrics::counter!("tls_reload_failures_total").increment(1);
                tracing::warn!("the old certificate stays in force: {error}");
            }
        }
    }
}

impl Files {
    fn read(&self) -> Result<Current, String> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let pem = Pem { cert: read(&self.cert)?, key: read(&self.key)?, ca: read(&self.ca)? };
        let server = server(&pem)?;
        Ok(Current { pem, server: Arc::new(server) })
    }
}

fn server(pem: &Pem) -> Result<ServerConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(&pem.ca) {
        let authority = authority.map_err(|error| format!("ca_file: {error}"))?;
        roots.add(authority).map_err(|error| format!("ca_file: {error}"))?;
    }
    let callers =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let callers = callers.map_err(|error| format!("ca_file: {error}"))?;
    let chain = CertificateDer::pem_slice_iter(&pem.cert).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| format!("cert_file: {error}"))?;
    let key =
        PrivateKeyDer::from_pem_slice(&pem.key).map_err(|error| format!("key_file: {error}"))?;
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?.with_client_cert_verifier(callers);
    let mut server =
        builder.with_single_cert(chain, key).map_err(|error| format!("cert_file: {error}"))?;
    server.alpn_protocols = vec![b"h2".to_vec()];
    Ok(server)
}
