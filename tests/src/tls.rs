//! Certificates that a test makes, and clients that trust them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rcgen::generate_simple_self_signed;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, crypto};

use crate::http::Connection;
use crate::stream::{Waiting, wait};
use crate::{Project, Server, http2};

/// Where the files are in a project.
pub const CERTIFICATE: &str = "certificate.pem";
/// Where the key is.
pub const KEY: &str = "key.pem";

/// What is offered and what is spoken, as TLS names it.
pub const HTTP1: &str = "http/1.1";
/// HTTP/2.
pub const HTTP2: &str = "h2";

/// A certificate for `localhost` that nobody else has signed, with its key.
#[derive(Debug)]
pub struct Certificate {
    /// The text of its file.
    pub certificate: String,
    /// The text of its key's file.
    pub key: String,
}

/// A client that trusts one certificate.
#[derive(Clone)]
pub struct Client {
    connector: TlsConnector,
    address: SocketAddr,
}

/// The versions that a client may speak: both.
pub const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

impl Certificate {
    /// A new one.
    pub fn new() -> Self {
        let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self {
            certificate: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
        }
    }

    /// Writes both into a project's directory.
    pub fn write(&self, directory: &Path) {
        std::fs::write(directory.join(CERTIFICATE), &self.certificate).unwrap();
        std::fs::write(directory.join(KEY), &self.key).unwrap();
    }
}

impl Default for Certificate {
    fn default() -> Self {
        Self::new()
    }
}

impl Project {
    /// Has the application speak TLS, with a certificate of its own.
    #[must_use]
    pub fn secure(self) -> Self {
        Certificate::new().write(self.path());
        self.variable("NOVA_SERVER_TLS_CERTIFICATE", CERTIFICATE)
            .variable("NOVA_SERVER_TLS_KEY", KEY)
    }
}

impl Client {
    /// A client of a server that speaks TLS, which offers these protocols.
    pub fn new(server: &Server, protocols: &[&str]) -> Self {
        Self::trusting(server.project().path(), server.address(), protocols)
    }

    /// A client that trusts the certificate in this directory.
    pub fn trusting(directory: &Path, address: SocketAddr, protocols: &[&str]) -> Self {
        Self::speaking(&VERSIONS, directory, address, protocols)
    }

    /// A client that speaks these versions of TLS.
    pub fn speaking(
        versions: &[&'static SupportedProtocolVersion],
        directory: &Path,
        address: SocketAddr,
        protocols: &[&str],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(directory.join(CERTIFICATE)).unwrap();
        roots.add(certificate).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self {
            connector: TlsConnector::from(Arc::new(config)),
            address,
        }
    }

    /// The server's address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connects, and says what was agreed on.
    ///
    /// # Errors
    /// When the handshake fails.
    pub fn try_connect(&self) -> std::io::Result<(TlsStream<TcpStream>, Option<String>)> {
        wait(async {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            let name = ServerName::try_from("localhost").unwrap();
            let stream = self.connector.connect(name, stream).await?;
            let protocol = stream.get_ref().1.alpn_protocol();
            let protocol = protocol.map(|name| String::from_utf8(name.to_vec()).unwrap());
            Ok((stream, protocol))
        })
    }

    /// A connection for HTTP/1.1.
    pub fn connect(&self) -> Connection {
        Connection::over(Waiting::new(self.try_connect().unwrap().0))
    }

    /// A connection for HTTP/2.
    pub fn connect_http2(&self) -> http2::Connection {
        http2::Connection::over(self.try_connect().unwrap().0)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
