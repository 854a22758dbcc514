//! Connections to other hosts, over TCP or TLS.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Another host, and how it is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// With TLS?
    pub tls: Option<Tls>,
}

/// Whom to trust.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// A PEM file of authorities, in place of those of the system.
    pub ca: Option<PathBuf>,
    /// The name that the certificate must have, where it is not the host's.
    pub server_name: Option<String>,
}

/// A stream of bytes both ways.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// An open connection.
pub(super) type Wire = Box<dyn Stream>;

/// Opens connections to a peer.
pub(super) struct Dialer {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Dialer {
    /// Reads what TLS needs.
    ///
    /// # Errors
    /// When there are no authorities to trust, or the server's name can be none.
    pub(super) fn new(peer: &Peer) -> Result<Self, String> {
        let tls = peer.tls.as_ref().map(|tls| {
            let name = tls.server_name.as_deref().unwrap_or(&peer.host).to_owned();
            let name = ServerName::try_from(name.clone()).map_err(|_| format!("`{name}` is no name of a server"))?;
            Ok::<_, String>((connector(tls)?, name))
        });
        Ok(Self { host: peer.host.clone(), port: peer.port, tls: tls.transpose()? })
    }

    /// Connects within `limit`.
    ///
    /// # Errors
    /// When nobody answers, or the other side is not whom we trust.
    pub(super) async fn dial(&self, limit: Duration) -> io::Result<Wire> {
        let connect = async {
            let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
            // Batches are written whole; waiting for more would only delay them.
            tcp.set_nodelay(true)?;
            Ok(match &self.tls {
                None => Box::new(tcp) as Wire,
                Some((connector, name)) => Box::new(connector.connect(name.clone(), tcp).await?),
            })
        };
        within(limit, connect).await
    }
}

/// `work`, or an error when it takes longer than so.
pub(super) async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", limit.as_secs_f32()));
    timeout(limit, work).await.unwrap_or_else(|_| Err(late()))
}

/// Whether the other side has closed a connection, as far as it is known here.
pub(super) async fn is_closed(wire: &mut Wire) -> bool {
    let mut byte = [0; 64];
    // A timeout of nothing still looks once.
    match timeout(Duration::ZERO, wire.read(&mut byte)).await {
        Ok(read) => !matches!(read, Ok(1..)),
        Err(_) => false,
    }
}

fn connector(tls: &Tls) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    match &tls.ca {
        Some(path) => {
            let refused = |reason: String| format!("{}: {reason}", path.display());
            let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            for certificate in read.map_err(|error| refused(error.to_string()))? {
                roots.add(certificate).map_err(|error| refused(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(refused("no certificate in PEM form".into()));
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(
                    "the system has no certificates of authorities to trust; name a file of them with `ca`".into()
                );
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
}
