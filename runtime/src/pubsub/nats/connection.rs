//! One connection to a broker, made with its client and given up for good when it breaks.
//!
//! The client would connect again by itself. It would also send late what it had been given before, and it has no way to
//! tell what of that the broker has. So every connection is a client of its own, and a new one begins anew.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::str::FromStr as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, Request, RequestErrorKind, ServerAddr, Subscriber};
use bytes::Bytes;
use futures_core::Stream as _;
use tokio::sync::watch;
use tokio::time::timeout;

use super::subject::Subjects;
use crate::pubsub::options::{Access, PubSubOptions, Url};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(2);
/// How many commands wait within the client. What waits there is lost with the connection, so it is not many.
const COMMANDS: usize = 256;

/// How to connect.
pub(super) struct Settings {
    access: Access,
    tls_ca: Option<PathBuf>,
    tls_client: Option<(PathBuf, PathBuf)>,
    name: String,
    ping_interval: Duration,
}

/// A connection that was up when it was made.
pub(super) struct Connection {
    client: Client,
    nobody: String,
    /// How long the broker may take to answer.
    patience: Duration,
    /// Why the connection broke.
    broken: watch::Receiver<Option<String>>,
}

/// What the client tells beside its work.
#[derive(Default)]
pub(super) struct Notes {
    /// How many messages it has dropped because they were not taken fast enough.
    pub(super) overrun: AtomicU64,
    /// What the broker has said last that it does not like.
    complaint: Mutex<Option<String>>,
}

impl Notes {
    fn complain(&self, text: String) {
        *self.complaint.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    /// What the broker has not liked since the last call.
    pub(super) fn take_complaint(&self) -> Option<String> {
        self.complaint.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// An address of a broker.
#[derive(Clone, PartialEq)]
pub(super) struct Server(ServerAddr);

impl Server {
    pub(super) fn new(url: &Url) -> Option<Self> {
        ServerAddr::from_str(url.as_str()).ok().map(Self)
    }

    #[cfg(feature = "nats-sessions")]
    pub(super) fn address(&self) -> ServerAddr {
        self.0.clone()
    }

    /// Another broker of the same cluster, of which this one has told.
    fn beside(&self, address: &str) -> Option<Self> {
        let user = self.0.username().unwrap_or_default();
        let password = self
            .0
            .password()
            .map(|password| format!(":{password}"))
            .unwrap_or_default();
        let at = if user.is_empty() { "" } else { "@" };
        let scheme = self.0.scheme();
        let url = format!("{scheme}://{user}{password}{at}{address}");
        ServerAddr::from_str(&url).ok().map(Self)
    }
}

/// Without a password.
impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (scheme, host, port) = (self.0.scheme(), self.0.host(), self.0.port());
        match host.contains(':') {
            true => write!(f, "{scheme}://[{host}]:{port}"),
            false => write!(f, "{scheme}://{host}:{port}"),
        }
    }
}

impl Settings {
    pub(super) fn new(options: &PubSubOptions, root: &Path, name: &str) -> Self {
        let below = |path: &PathBuf| root.join(path);
        let access = match &options.access {
            Access::Nkey(file) => Access::Nkey(below(file)),
            Access::Credentials(file) => Access::Credentials(below(file)),
            other => other.clone(),
        };
        let tls_client = options.tls_client.as_ref();
        Self {
            access,
            tls_ca: options.tls_ca.as_ref().map(below),
            tls_client: tls_client.map(|(certificate, key)| (below(certificate), below(key))),
            name: name.to_owned(),
            ping_interval: Duration::from_secs(options.ping_interval),
        }
    }

    /// Connects to one server. Files are read anew each time: they may have changed.
    pub(super) async fn connect(
        &self,
        server: &Server,
        subjects: &Subjects,
        notes: &Arc<Notes>,
    ) -> Result<Connection, String> {
        let (breaks, broken) = watch::channel(None);
        let (breaks, notes) = (Arc::new(breaks), Arc::clone(notes));
        let options = self.options(server).await?;
        let options = options
            .no_echo()
            // The link asks for signs of life itself. This ends what the link has given up.
            .ping_interval(self.ping_interval * 2)
            .max_reconnects(1)
            .ignore_discovered_servers()
            .client_capacity(COMMANDS)
            .custom_inbox_prefix(subjects.inbox())
            .event_callback(move |event| {
                match event {
                    Event::Disconnected | Event::Closed => {
                        breaks.send_if_modified(|broken| {
                            let is_first = broken.is_none();
                            broken.get_or_insert_with(|| "the connection is gone".to_owned());
                            is_first
                        });
                    }
                    Event::SlowConsumer(_) => {
                        notes.overrun.fetch_add(1, Ordering::Relaxed);
                    }
                    Event::ServerError(error) => {
                        notes.complain(error.to_string());
                    }
                    _ => {}
                }
                async {}
            });
        let client = timeout(CONNECT * 2, options.connect(server.0.clone())).await;
        let client = client
            .map_err(|_| format!("no answer within {:?}", CONNECT * 2))?
            .map_err(|error| describe(&error))?;
        if !client.server_info().headers {
            return Err("the broker is too old: 2.2 is the first that will do".to_owned());
        }
        Ok(Connection {
            client,
            nobody: subjects.nobody(),
            patience: self.ping_interval * 2,
            broken,
        })
    }

    /// What every client of the broker begins with: who it is, and how it knows the broker.
    pub(super) async fn options(&self, server: &Server) -> Result<ConnectOptions, String> {
        let mut options = self.access(server).await?;
        if let Some(file) = &self.tls_ca {
            options = options.add_root_certificates(file.clone());
        }
        if let Some((certificate, key)) = &self.tls_client {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        // With one provider of cryptography in the program it is this one; with several, one has to be chosen.
        let _ = async_nats::rustls::crypto::ring::default_provider().install_default();
        Ok(options.name(&self.name).connection_timeout(CONNECT))
    }

    #[cfg_attr(
        not(feature = "nats-nkeys"),
        expect(clippy::unused_async, reason = "it reads files of keys only")
    )]
    async fn access(&self, server: &Server) -> Result<ConnectOptions, String> {
        let options = ConnectOptions::new();
        Ok(match &self.access {
            Access::Open => match (server.0.username(), server.0.password()) {
                (None, _) => options,
                (Some(token), None) => options.token(decode(token)),
                (Some(user), Some(password)) => options.user_and_password(decode(user), decode(password)),
            },
            Access::Password(user, password) => options.user_and_password(user.clone(), password.reveal().to_owned()),
            Access::Token(token) => options.token(token.reveal().to_owned()),
            #[cfg(feature = "nats-nkeys")]
            Access::Nkey(file) => {
                let seed = tokio::fs::read_to_string(file).await;
                let seed = seed.map_err(|error| format!("can't read {}: {error}", file.display()))?;
                options.nkey(seed.trim().to_owned())
            }
            #[cfg(feature = "nats-nkeys")]
            Access::Credentials(file) => {
                let options = options.credentials_file(file).await;
                options.map_err(|error| format!("can't use {}: {error}", file.display()))?
            }
            // The settings were refused.
            #[cfg(not(feature = "nats-nkeys"))]
            Access::Nkey(_) | Access::Credentials(_) => options,
        })
    }
}

/// What is percent-encoded in the part of a URL.
fn decode(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let escaped = (byte == b'%').then(|| {
            let mut rest = bytes.clone();
            let digits = [rest.next()?, rest.next()?];
            let value = u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?;
            bytes = rest;
            Some(value)
        });
        decoded.push(escaped.flatten().unwrap_or(byte));
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// An error with what caused it.
fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<String> = Vec::new();
    for text in chain.map(ToString::to_string) {
        // Some say what caused them, too.
        if !texts.iter().any(|said| said.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}

impl Connection {
    /// The largest message that the broker takes.
    pub(super) fn largest(&self) -> usize {
        self.client.max_payload()
    }

    /// Other brokers of the same cluster.
    pub(super) fn others(&self, server: &Server) -> Vec<Server> {
        let info = self.client.server_info();
        info.connect_urls.iter().filter_map(|url| server.beside(url)).collect()
    }

    /// Gives a message to the client. That it is given says nothing of its way: [`confirm`](Self::confirm) does.
    pub(super) async fn publish(&self, subject: String, payload: Bytes) -> Result<(), String> {
        let given = timeout(self.patience, self.client.publish(subject, payload)).await;
        given
            .map_err(|_| "the connection takes nothing more".to_owned())?
            .map_err(|error| describe(&error))
    }

    pub(super) async fn subscribe(&self, subject: String) -> Result<Subscription, String> {
        let subscribed = timeout(self.patience, self.client.subscribe(subject)).await;
        subscribed
            .map_err(|_| "the connection takes nothing more".to_owned())?
            .map(Subscription)
            .map_err(|error| describe(&error))
    }

    /// Waits until the broker has handled all that this connection was given before.
    ///
    /// The client's own way of waiting ends when the kernel has the bytes. So the broker is asked for something that
    /// nobody offers: it answers in order.
    pub(super) async fn confirm(&self) -> Result<(), String> {
        let request = Request::new().payload(Bytes::new()).timeout(Some(self.patience));
        match self.client.send_request(self.nobody.clone(), request).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(()),
            Err(error) if error.kind() == RequestErrorKind::TimedOut => {
                Err(format!("no sign of life from the broker within {:?}", self.patience))
            }
            Err(error) => Err(describe(&error)),
        }
    }

    /// Waits until the connection breaks, and says why. Cancel safe.
    pub(super) async fn broken(&self) -> String {
        let mut broken = self.broken.clone();
        let reason = broken.wait_for(Option::is_some).await.map(|reason| reason.clone());
        reason
            .ok()
            .flatten()
            .unwrap_or_else(|| "the client has ended".to_owned())
    }
}

/// What comes on one subject. It ends at the broker when it is dropped.
pub(super) struct Subscription(Subscriber);

impl Subscription {
    /// `None` when the connection is over. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        let message = std::future::poll_fn(|context| Pin::new(&mut self.0).poll_next(context)).await?;
        Some(message.payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_url_are_decoded() {
        assert_eq!(decode("a%40b%2Fc%"), "a@b/c%");
        assert_eq!(decode("%zz"), "%zz");
    }

    #[test]
    fn servers_are_shown_without_passwords_and_lead_to_others() {
        let server = Server(ServerAddr::from_str("nats://me:secret@a:4223").unwrap());
        assert_eq!(server.to_string(), "nats://a:4223");
        let other = server.beside("[::1]:4224").unwrap();
        assert_eq!(other.to_string(), "nats://[::1]:4224");
        assert_eq!((other.0.username(), other.0.password()), (Some("me"), Some("secret")));
    }
}
