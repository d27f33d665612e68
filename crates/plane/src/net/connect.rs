//! Opening a connection to an upstream or the control plane: TCP, then TLS where the URL says so.
//!
//! A name is resolved anew for each connection, which a pool makes rare; so a moved service is found
//! without a restart.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, TlsStream};

use super::origin::{Origin, Scheme};
use super::stream::Stream;

/// Connects within `timeout` (zero = as long as the system tries).
///
/// # Errors
/// What the system, the name service or the TLS library said; `TimedOut` after `timeout`.
pub async fn connect(origin: &Origin, timeout: Duration, tls: &Arc<ClientConfig>) -> io::Result<Stream> {
    if timeout.is_zero() {
        return open(origin, tls).await;
    }
    match tokio::time::timeout(timeout, open(origin, tls)).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no connection within the time-out")),
    }
}

async fn open(origin: &Origin, tls: &Arc<ClientConfig>) -> io::Result<Stream> {
    let tcp = TcpStream::connect((origin.host.as_str(), origin.port)).await?;
    tcp.set_nodelay(true)?;
    if origin.scheme != Scheme::Https {
        return Ok(Stream::Tcp(tcp));
    }
    let name = ServerName::try_from(origin.host.clone())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the host can't be named in TLS"))?;
    let stream = TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await?;
    Ok(Stream::Tls(Box::new(TlsStream::Client(stream))))
}

/// What TLS servers are checked against: the authorities in `ca` (PEM), or the web's public roots.
///
/// # Errors
/// A text that names the file and what is wrong with it.
pub fn tls_config(ca: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    match ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let shown = path.display();
            let certs = CertificateDer::pem_file_iter(path).map_err(|e| format!("{shown}: {e}"))?;
            for cert in certs {
                let cert = cert.map_err(|e| format!("{shown}: {e}"))?;
                roots.add(cert).map_err(|e| format!("{shown}: {e}"))?;
            }
            if roots.is_empty() {
                return Err(format!("{shown} holds no certificate"));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
