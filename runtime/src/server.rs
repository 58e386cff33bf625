//! Accepts connections and serves a tower service on them, until it is told to end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::{Service, ServiceExt as _};

use crate::lifecycle::{Ended, Lifecycle};
use crate::transport::{Connection, Stream, Successor, Transport};
use crate::wheel::Wheel;

/// How long the server waits after it could not accept, as when descriptors have run out. What it has goes on.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a connection may still bring a request after the drain has begun. It was accepted: closing it at once would
/// cut a client that is about to ask.
const LAST_REQUEST: Duration = Duration::from_millis(500);

/// The longest of all times: what is longer could not be added to the time of day.
const LONGEST: Duration = Duration::from_hours(365 * 24);

/// The section `[server]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServerOptions {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The most connections at a time. Others wait to be accepted.
    max_connections: NonZeroU32,
    /// How long a request's head may take to come, in seconds.
    header_timeout: u64,
    /// How long the end may take, in seconds.
    shutdown_timeout: u64,
    /// The most bytes that a request's body may have for an extractor.
    pub(crate) body_limit: usize,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 8080,
            max_connections: const { NonZeroU32::new(100_000).unwrap() },
            header_timeout: 10,
            shutdown_timeout: 30,
            body_limit: 2 * 1024 * 1024,
        }
    }
}

impl ServerOptions {
    pub(crate) fn shutdown_timeout(&self) -> Duration {
        Duration::from_secs(self.shutdown_timeout)
    }
}

/// What a server still serves when it accepts no more.
pub(crate) struct Remaining {
    connections: JoinSet<()>,
    /// Turns until the end.
    _clock: JoinSet<()>,
    ended: Ended,
    deadline: Duration,
}

/// Accepts and serves until the drain begins.
pub(crate) async fn serve<T>(
    listener: TcpListener,
    service: T,
    options: &ServerOptions,
    lifecycle: Lifecycle,
    wheel: Wheel,
    ended: Ended,
) -> Remaining
where
    T: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Unpin + 'static,
{
    let mut clock = JoinSet::new();
    let turning = wheel.clone();
    clock.spawn(async move { turning.turn().await });
    let mut connections = JoinSet::new();
    let places = Arc::new(Semaphore::new(options.max_connections.get() as usize));
    let header_timeout = Duration::from_secs(options.header_timeout).min(LONGEST);
    loop {
        let (stream, peer, place) = tokio::select! {
            accepted = accept(&listener, &places) => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!("can't accept a connection: {error}");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
            () = lifecycle.draining() => break,
        };
        // Small messages are the rule here, and each is written whole.
        let _ = stream.set_nodelay(true);
        let transport = Transport::new(Stream::Tcp(stream), Some(place), lifecycle.alive());
        connections.spawn(Task::Http(Box::pin(serve_connection(
            transport,
            peer,
            service.clone(),
            header_timeout,
            lifecycle.clone(),
        ))));
    }
    wheel.drain().await;
    Remaining::new(connections, clock, ended, options.shutdown_timeout())
}

impl Remaining {
    /// What is left of a server that served these connections by this clock, and may take so long to end.
    pub(crate) fn new(connections: JoinSet<()>, clock: JoinSet<()>, ended: Ended, deadline: Duration) -> Self {
        Self {
            connections,
            _clock: clock,
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

/// Serves HTTP on a connection to its end.
async fn serve_connection<T>(
    transport: Transport,
    peer: SocketAddr,
    service: T,
    header_timeout: Duration,
    lifecycle: Lifecycle,
) -> Option<HandedOver>
where
    T: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Unpin + 'static,
{
    let connection = Connection::default();
    match serve_http(transport, peer, connection.clone(), service, header_timeout, lifecycle).await {
        Ok(None) => None,
        Ok(Some((transport, read_ahead))) => Some((transport, read_ahead, connection.take_successor()?)),
        Err(error) => {
            tracing::debug!("a connection from {peer} ended: {error}");
            None
        }
    }
}

async fn serve_http<T>(
    transport: Transport,
    peer: SocketAddr,
    connection: Connection,
    service: T,
    header_timeout: Duration,
    lifecycle: Lifecycle,
) -> hyper::Result<Option<(Transport, bytes::Bytes)>>
where
    T: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Unpin + 'static,
{
    let phase = lifecycle.clone();
    let upgrades = connection.clone();
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(connection.clone());
        let response = service.clone().oneshot(request);
        let phase = phase.clone();
        let connection = connection.clone();
        Box::pin(async move {
            let mut response = response.await?;
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                // A middleware may have taken the upgrade back.
                drop(connection.take_successor());
            }
            if phase.is_draining() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
                response
                    .headers_mut()
                    .insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        })
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(header_timeout);
    let mut http = builder.serve_connection(TokioIo::new(transport), service);
    let last_request = async {
        lifecycle.draining().await;
        sleep(LAST_REQUEST).await;
    };
    tokio::select! {
        served = poll_fn(|context| http.poll_without_shutdown(context)) => served?,
        () = last_request => {
            Pin::new(&mut http).graceful_shutdown();
            poll_fn(|context| http.poll_without_shutdown(context)).await?;
        }
    }
    if !upgrades.has_successor() {
        // HTTP is over, and what it has written may still be on its way: the connection goes on to its own end.
        http.await?;
        return Ok(None);
    }
    let parts = http.into_parts();
    Ok(Some((parts.io.into_inner(), parts.read_buf)))
}
