//! TLS, ended in the process by rustls: its settings, the handshake, and certificates that change while it runs.

use std::fmt;
use std::fs::metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::crypto::ring::{Ticketer, default_provider};
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, InconsistentKeys};
use tokio_rustls::server::TlsStream;

use crate::config::ConfigError;
use crate::transport::{Duplex, Transport};

/// What a client may agree on (RFC 7301), the preferred first.
const PROTOCOLS: &[&[u8]] = if cfg!(feature = "http2") {
    &[b"h2", b"http/1.1"]
} else {
    &[b"http/1.1"]
};
/// How often the files are looked at. They are read when they have changed and then stood still for so long: the two are
/// seldom written at once.
const LOOK: Duration = Duration::from_secs(1);

const CERTIFICATE: &str = "server.tls.certificate";
const KEY: &str = "server.tls.key";
const A_CERTIFICATE: &str = "a PEM file with the server's certificate, then those of its issuers";
const A_KEY: &str = "a PEM file with the certificate's private key, not encrypted: PKCS #8, PKCS #1 or SEC1";

/// The section `[server.tls]`. Both are PEM files, below the project's root where they are not absolute.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsOptions {
    certificate: PathBuf,
    key: PathBuf,
}

/// What a server needs to speak TLS. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<Current>,
    files: Files,
    /// Of the files, when they were read.
    loaded: Option<Stamp>,
}

/// The certificate that new connections are shown, with its key.
struct Current(RwLock<Arc<CertifiedKey>>);

#[derive(Clone)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
}

/// By what a change of the files is noticed: when each was written, and how long it is.
type Stamp = [(SystemTime, u64); 2];

impl Tls {
    /// Reads the certificate and its key.
    ///
    /// # Errors
    /// When a file can't be read, or does not hold what it should.
    pub(crate) fn load(options: &TlsOptions, root: &Path) -> Result<Self, ConfigError> {
        let provider = Arc::new(default_provider());
        let files = Files {
            certificate: root.join(&options.certificate),
            key: root.join(&options.key),
            provider: Arc::clone(&provider),
        };
        // Before they are read: what is written meanwhile is a change.
        let loaded = files.stamp();
        let current = Arc::new(Current(RwLock::new(Arc::new(files.read()?))));
        let wrong = |error: rustls::Error| wrong("server.tls", format!("can't speak TLS: {error}"));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(wrong)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as _);
        config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
        // Clients that come back, perhaps all of them at once, resume: that costs no signature and no memory here.
        config.ticketer = Ticketer::new().map_err(wrong)?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            current,
            files,
            loaded,
        })
    }

    /// Does the handshake. Not cancel safe.
    pub(crate) async fn accept(&self, transport: Transport) -> io::Result<Box<dyn Duplex>> {
        Ok(Box::new(self.acceptor.accept(transport).await?))
    }

    /// Keeps up with the files, until the future is dropped. New ones that can't be used leave the old ones in use.
    pub(crate) async fn keep_up(self) {
        let mut watched = Watched {
            seen: self.loaded,
            tls: self,
        };
        loop {
            sleep(LOOK).await;
            let looked = spawn_blocking(move || {
                watched.look();
                watched
            });
            match looked.await {
                Ok(again) => watched = again,
                // The runtime is shutting down.
                Err(_) => return,
            }
        }
    }
}

/// The files, as they were seen last.
struct Watched {
    tls: Tls,
    seen: Option<Stamp>,
}

impl Watched {
    fn look(&mut self) {
        let Tls {
            files, current, loaded, ..
        } = &mut self.tls;
        let now = files.stamp();
        if now != *loaded && now == self.seen {
            *loaded = now;
            match files.read() {
                Ok(pair) => {
                    *current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
                    let file = files.certificate.display();
                    tracing::info!("the certificate in {file} has changed, and new connections are shown it");
                }
                Err(error) => tracing::error!("{error}; the certificate before it stays in use"),
            }
        }
        self.seen = now;
    }
}

impl Files {
    /// `None` while one of them is not there.
    fn stamp(&self) -> Option<Stamp> {
        let stamp = |file: &Path| {
            let metadata = metadata(file)?;
            io::Result::Ok((metadata.modified()?, metadata.len()))
        };
        Some([stamp(&self.certificate).ok()?, stamp(&self.key).ok()?])
    }

    fn read(&self) -> Result<CertifiedKey, ConfigError> {
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .and_then(|chain| {
                if chain.is_empty() {
                    Err(PemError::NoItemsFound)
                } else {
                    Ok(chain)
                }
            })
            .map_err(|error| unreadable(CERTIFICATE, &self.certificate, &error, A_CERTIFICATE))?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| unreadable(KEY, &self.key, &error, A_KEY))?;
        let key = self.provider.key_provider.load_private_key(key);
        let key = key.map_err(|_| {
            let file = self.key.display();
            wrong(
                KEY,
                format!("{file} holds a key of no kind that is known, expected RSA, ECDSA or Ed25519"),
            )
        })?;
        let pair = CertifiedKey::new(chain, key);
        match pair.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(pair),
            Err(rustls::Error::InconsistentKeys(_)) => {
                let (key, certificate) = (self.key.display(), self.certificate.display());
                Err(wrong(
                    KEY,
                    format!("the key in {key} is not that of the certificate in {certificate}"),
                ))
            }
            Err(error) => {
                let file = self.certificate.display();
                Err(wrong(
                    CERTIFICATE,
                    format!("{file} can't be used: {error}, expected {A_CERTIFICATE}"),
                ))
            }
        }
    }
}

/// What is wrong with a file, without a word of what is in it.
fn unreadable(key: &str, file: &Path, error: &PemError, expected: &str) -> ConfigError {
    let file = file.display();
    let what = match error {
        PemError::Io(error) => format!("can't read {file}: {error}"),
        PemError::NoItemsFound => format!("{file} has none"),
        _ => format!("{file} is no PEM file"),
    };
    wrong(key, format!("{what}, expected {expected}"))
}

fn wrong(key: &str, message: String) -> ConfigError {
    ConfigError {
        message,
        key: Some(key.to_owned()),
        origin: None,
    }
}

impl Duplex for TlsStream<Transport> {
    fn below(&self) -> Option<&Transport> {
        Some(self.get_ref().0)
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Nothing of the key.
impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current").finish_non_exhaustive()
    }
}
