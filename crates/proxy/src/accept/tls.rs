//! TLS towards clients: certificate and key from PEM files, HTTP/2 offered by ALPN.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::settings::TlsSettings;

/// Reads the files.
///
/// # Errors
/// A text that names the file and what is wrong with it.
pub(crate) fn tls_acceptor(settings: &TlsSettings) -> Result<TlsAcceptor, String> {
    let name = |path: &Path| path.display().to_string();
    let certs: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&settings.cert)
        .and_then(Iterator::collect)
        .map_err(|e| format!("certificate {}: {e}", name(&settings.cert)))?;
    if certs.is_empty() {
        return Err(format!("{} holds no certificate (PEM)", name(&settings.cert)));
    }
    let key = PrivateKeyDer::from_pem_file(&settings.key)
        .map_err(|e| format!("private key {}: {e}", name(&settings.key)))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_no_client_auth()
        .with_single_cert(certs, key)
        .map_err(|e| format!("{} and {}: {e}", name(&settings.cert), name(&settings.key)))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
