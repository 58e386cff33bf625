//! Accepts connections and serves a tower service on them, until it is told to end.

mod arriving;
#[cfg(feature = "http2")]
mod beginning;
mod heads;
mod host;
mod http1;
#[cfg(feature = "http2")]
mod http2;
mod limits;
mod outgoing;
mod patient;
mod talk;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "without_tls.rs"]
mod tls;

use std::convert::Infallible;
use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::Service;

pub(crate) use tls::{Tls, TlsOptions};

use self::limits::{Limits, Pace, Seldom, seconds};
use crate::client::Network;
use crate::lifecycle::{Ended, Lifecycle};
use crate::routes::TrailingSlash;
use crate::transport::{self, Stream, Successor, Transport};
use crate::wheel::Wheel;

/// How long the server waits after it could not accept, as when descriptors have run out. What it has goes on.
const ACCEPT_PAUSE: Duration = Duration::from_millis(25);
/// How long a connection may still bring a request after the drain has begun. It was accepted: closing it at once would
/// cut a client that is about to ask.
const LAST_REQUEST: Duration = Duration::from_millis(500);

/// How many bytes the kernel holds for HTTP that it has not sent: a client that does not read is worth no more.
const UNSENT: u32 = 128 * 1024;

/// The section `[server]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServerOptions {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The most connections at a time. Others wait to be accepted.
    max_connections: NonZeroU32,
    /// The most requests at a time. Others are refused with 503.
    max_requests: NonZeroU32,
    /// How long a request's head may take to come, in seconds.
    header_timeout: u64,
    /// How long a connection may be without a request after it has had one, in seconds.
    idle_timeout: u64,
    /// How long a body may keep a request waiting beyond what comes of it, in seconds; 0 is as long as it likes.
    body_timeout: u64,
    /// How many bytes of a body earn a second of that.
    body_rate: NonZeroU32,
    /// How long a client may take to read something of a response, in seconds.
    write_timeout: NonZeroU32,
    /// How long it is announced before it begins, in seconds.
    shutdown_delay: u64,
    /// How long the end may take, in seconds.
    shutdown_timeout: u64,
    /// How many WebSockets are closed in a second at the end: all clients come back, and not all at once.
    close_rate: NonZeroU32,
    /// The most bytes that a request's body may have for an extractor.
    pub(crate) body_limit: usize,
    /// Whose word is taken for who a client is.
    pub(crate) trusted_proxies: Vec<Network>,
    /// What a slash at the end of a path says.
    pub(crate) trailing_slash: TrailingSlash,
    pub(crate) tls: Option<TlsOptions>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 8080,
            max_connections: const { NonZeroU32::new(100_000).unwrap() },
            max_requests: const { NonZeroU32::new(100_000).unwrap() },
            header_timeout: 5,
            idle_timeout: 60,
            body_timeout: 30,
            body_rate: const { NonZeroU32::new(240).unwrap() },
            write_timeout: const { NonZeroU32::new(30).unwrap() },
            shutdown_delay: 0,
            shutdown_timeout: 30,
            close_rate: const { NonZeroU32::new(1000).unwrap() },
            body_limit: 2 * 1024 * 1024,
            trusted_proxies: Vec::new(),
            trailing_slash: TrailingSlash::default(),
            tls: None,
        }
    }
}

impl ServerOptions {
    pub(crate) fn shutdown_timeout(&self) -> Duration {
        Duration::from_secs(self.shutdown_timeout)
    }

    pub(crate) fn shutdown_delay(&self) -> Duration {
        Duration::from_secs(self.shutdown_delay)
    }

    fn limits(&self) -> Arc<Limits> {
        let times = [self.header_timeout, self.idle_timeout, self.write_timeout.get().into()];
        let body = Pace {
            patience: seconds(self.body_timeout),
            rate: self.body_rate.get(),
        };
        Arc::new(Limits::new(times.map(seconds), body, self.max_requests.get() as usize))
    }
}

/// What is served: an application as tower sees it.
pub(crate) trait Application:
    Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + Unpin + 'static
{
}

impl<T> Application for T where
    T: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + Unpin + 'static
{
}

/// What every connection of a server needs.
#[derive(Clone)]
struct Served<T> {
    service: T,
    tls: Option<Tls>,
    limits: Arc<Limits>,
    lifecycle: Lifecycle,
}

/// What a server still serves when it accepts no more.
pub(crate) struct Remaining {
    connections: JoinSet<()>,
    /// What turns beside them until the end: the clock, and what keeps up with the certificate.
    _beside: JoinSet<()>,
    ended: Ended,
    deadline: Duration,
}

/// Where connections come from.
pub(crate) struct Arrivals {
    pub(crate) listener: TcpListener,
    pub(crate) moved: MovedHere,
}

/// Those that were opened in another process, with what goes on with each.
#[derive(Default)]
pub(crate) struct MovedHere {
    pub(crate) connections: Vec<Moved>,
    /// Who is told when they have begun.
    pub(crate) begun: Option<oneshot::Sender<()>>,
}

/// A connection that has moved here.
pub(crate) type Moved = (TcpStream, Successor);

/// Accepts and serves until the drain begins, first of all those that have moved here.
pub(crate) async fn serve<T: Application>(
    arrivals: Arrivals,
    service: T,
    tls: Option<Tls>,
    options: &ServerOptions,
    lifecycle: Lifecycle,
    wheel: Wheel,
    ended: Ended,
) -> Remaining {
    let Arrivals { listener, moved } = arrivals;
    let mut beside = JoinSet::new();
    let turning = wheel.clone();
    beside.spawn(async move { turning.turn().await });
    if let Some(tls) = tls.clone() {
        beside.spawn(tls.keep_up());
    }
    let mut connections = JoinSet::new();
    let places = Arc::new(Semaphore::new(options.max_connections.get() as usize));
    let served = Served {
        service,
        tls,
        limits: options.limits(),
        lifecycle: lifecycle.clone(),
    };
    for (stream, successor) in moved.connections {
        // They had their places in the other process: none is refused one here.
        let place = Arc::clone(&places).try_acquire_owned().ok();
        let transport = Transport::new(Stream::Tcp(stream), place, lifecycle.alive());
        connections.spawn(Task::Successor(successor(transport, bytes::Bytes::new())));
    }
    if let Some(begun) = moved.begun {
        // Nobody may be waiting for it.
        let _ = begun.send(());
    }
    let mut trouble = Seldom::default();
    loop {
        let (stream, peer, place) = tokio::select! {
            accepted = accept(&listener, &places) => match accepted {
                Ok(accepted) => accepted,
                Err(error) if is_its_own(&error) => continue,
                Err(error) => {
                    if let Some(times) = trouble.say() {
                        let left = connections.len();
                        tracing::warn!("can't accept connections: {error} ({times} since this was last said); {left} that are open go on");
                    }
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
            () = lifecycle.holding() => match lifecycle.may_begin().await {
                true => continue,
                false => break,
            },
        };
        // Small messages are the rule here, and each is written whole.
        let _ = stream.set_nodelay(true);
        transport::bound_unsent(&stream, UNSENT);
        let transport = Transport::new(Stream::Tcp(stream), Some(place), lifecycle.alive());
        connections.spawn(Task::Http(Box::pin(serve_connection(transport, peer, served.clone()))));
    }
    let (rate, within) = (options.close_rate, options.shutdown_timeout() / 2);
    beside.spawn(async move { wheel.drain(rate, within).await });
    Remaining::new(connections, beside, ended, options.shutdown_timeout())
}

impl Remaining {
    /// What is left of a server that served these connections with this beside them, and may take so long to end.
    pub(crate) fn new(connections: JoinSet<()>, beside: JoinSet<()>, ended: Ended, deadline: Duration) -> Self {
        Self {
            connections,
            _beside: beside,
            ended,
            deadline,
        }
    }

    /// Waits until everything has ended, or the deadline for that has come.
    pub(crate) async fn end(mut self) {
        let all_ended = async {
            while self.connections.join_next().await.is_some() {}
            self.ended.wait().await;
        };
        if timeout(self.deadline, all_ended).await.is_err() {
            let (left, deadline) = (self.connections.len(), self.deadline);
            tracing::warn!("{left} connections did not end within {deadline:?}, and are cut");
        }
        // Not waited for: a task that never yields would be for ever.
        self.connections.abort_all();
    }
}

/// Waits for a place among the connections, then for a connection. Cancel safe.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}

/// Whether a connection could not be accepted for what it is itself: it was gone before.
fn is_its_own(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// The answer to a request for which there is no place.
fn too_many() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]).into_response()
}

/// One connection's task: HTTP, and then what a request may have handed it over to.
///
/// A task has room for the largest thing that it ever does, so neither is in the task; and the one is gone before there is
/// the other, or what it leaves in the allocator is holes.
enum Task {
    Http(Pin<Box<dyn Future<Output = Option<HandedOver>> + Send>>),
    Successor(Pin<Box<dyn Future<Output = ()> + Send>>),
    Over,
}

/// A connection, with what goes on with it.
type HandedOver = (Transport, bytes::Bytes, Successor);

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut *self {
                Self::Http(http) => {
                    let handed_over = ready!(http.as_mut().poll(context));
                    self.set(Self::Over);
                    if let Some((transport, read_ahead, successor)) = handed_over {
                        self.set(Self::Successor(successor(transport, read_ahead)));
                    }
                }
                Self::Successor(successor) => {
                    ready!(successor.as_mut().poll(context));
                    self.set(Self::Over);
                }
                Self::Over => return Poll::Ready(()),
            }
        }
    }
}

/// Why a connection ended.
type Error = Box<dyn StdError + Send + Sync>;

/// Serves a connection until it ends, or is handed over.
async fn serve_connection<T: Application>(
    transport: Transport,
    peer: SocketAddr,
    served: Served<T>,
) -> Option<HandedOver> {
    let serving = async {
        match secure(transport, &served).await? {
            Some(transport) => serve_http(transport, peer, served).await,
            None => Ok(None),
        }
    };
    serving.await.unwrap_or_else(|error| {
        tracing::debug!("a connection from {peer} ended: {error}");
        None
    })
}

/// Does the handshake of TLS, where that is spoken. `None` where the end of the server came first.
async fn secure<T>(transport: Transport, served: &Served<T>) -> io::Result<Option<Transport>> {
    let Some(tls) = &served.tls else {
        return Ok(Some(transport));
    };
    // Boxed: it is large, and soon over. The place among the connections is within.
    let stream = Box::pin(in_time(tls.accept(transport), served)).await?;
    Ok(stream.map(|stream| Transport::new(Stream::Boxed(stream), None, served.lifecycle.alive())))
}

#[cfg(not(feature = "http2"))]
async fn serve_http<T: Application>(
    transport: Transport,
    peer: SocketAddr,
    served: Served<T>,
) -> Result<Option<HandedOver>, Error> {
    Ok(http1::serve(transport, peer, served).await?)
}

#[cfg(feature = "http2")]
async fn serve_http<T: Application>(
    transport: Transport,
    peer: SocketAddr,
    served: Served<T>,
) -> Result<Option<HandedOver>, Error> {
    let begun = beginning::Begun::read(transport);
    let Some(begun) = in_time(begun, &served).await? else {
        return Ok(None);
    };
    if begun.is_http2() {
        Box::pin(http2::serve(begun, peer, served)).await?;
        return Ok(None);
    }
    let handed_over = http1::serve(begun, peer, served).await?;
    Ok(handed_over.map(|(begun, read_ahead, successor)| (begun.into_transport(), read_ahead, successor)))
}

/// What must come before any request has as long as a request's head. `None` where the end of the server came first.
async fn in_time<C, T>(coming: impl Future<Output = io::Result<C>>, served: &Served<T>) -> io::Result<Option<C>> {
    tokio::select! {
        come = timeout(served.limits.header_timeout, coming) => come?.map(Some),
        () = last_request(&served.lifecycle) => Ok(None),
    }
}

/// Waits for the time when a connection may bring no more requests.
async fn last_request(lifecycle: &Lifecycle) {
    lifecycle.draining().await;
    sleep(LAST_REQUEST).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::environment::Environment;

    #[test]
    fn tls_is_configured_only_where_it_is_built_in() {
        let variables = [("CERTIFICATE", "a.pem"), ("KEY", "b.pem")];
        let variables = variables.map(|(name, value)| (format!("NOVA_SERVER_TLS_{name}"), value.to_owned()));
        let config = Config::read("/nowhere", Environment::TEST, variables).unwrap();
        let options = config.section::<ServerOptions>("server");
        if cfg!(feature = "tls") {
            assert!(options.unwrap().tls.is_some());
        } else {
            assert_eq!(
                options.unwrap_err().to_string(),
                "server.tls: this program is built without TLS: enable the feature `tls` of nova-framework"
            );
        }
    }
}
