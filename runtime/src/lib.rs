//! Real-time web services, in the way of Erlang's Nova and Cowboy: routes as data, controllers that return values,
//! reply handlers that turn values into responses, WebSocket handlers with typed state, and pub/sub between them.
//!
//! ```no_run
//! use nova::prelude::*;
//!
//! struct Chat { channel: String }
//!
//! impl Chat {
//!     async fn init(socket: Socket, Path(room): Path<String>) -> Result<Self, Rejection> {
//!         let channel = format!("chat:{room}");
//!         socket.join(&channel);
//!         Ok(Self { channel })
//!     }
//! }
//!
//! impl WebSocketHandler for Chat {
//!     async fn handle(&mut self, frame: Frame, socket: &Socket) -> Commands {
//!         if let Frame::Text(text) = frame {
//!             socket.broadcast(&self.channel, "message", text);
//!         }
//!         Commands::none()
//!     }
//!
//!     async fn info(&mut self, info: Info, _socket: &Socket) -> Commands {
//!         match info {
//!             Info::Broadcast(message) => Commands::send(message.payload),
//!             _ => Commands::none(),
//!         }
//!     }
//! }
//!
//! fn routes() -> Routes {
//!     Routes::new().group(
//!         Group::new("/")
//!             .get("/heartbeat", async || Reply::status(200))
//!             .ws("/chat/{room}", Chat::init),
//!     )
//! }
//!
//! fn main() -> nova::Result<()> {
//!     nova::App::new(routes).run()
//! }
//! ```
//!
//! Controllers are axum handlers: every extractor, every `IntoResponse` value and every tower layer of that ecosystem
//! works here. What they have besides is [`Reply`], dispatched through a [`Registry`].
//!
//! # The parts
//!
//! - [`App`]: the application, run; [`Start`]: what it makes its state of, and its tasks in the background.
//! - [`Routes`], [`Group`]: the table.
//! - [`Reply`], [`Registry`], [`Invalid`]: what a controller returns, who turns it into a response, and what a fallback
//!   controller is told of.
//! - [`Json`], [`Form`], [`Query`], [`Path`], `Multipart`, [`Problem`]: what a controller takes from a request, and what a client
//!   is told that sent something else.
//! - [`Client`]: who sent a request, also behind proxies.
//! - [`Access`], [`AuthData`]: security functions, and what they hand over.
//! - [`Session`], [`CsrfToken`]: what is remembered of a visitor, and forms that no other site sends.
//! - [`WebSocketHandler`], [`Socket`], [`Frame`], [`Commands`], [`Accept`], [`Compression`]: WebSockets.
//! - [`sse`]: server-sent events.
//! - [`PubSub`], [`Message`], [`Subscription`]: channels.
//! - [`Config`], [`Environment`]: settings.
//! - `middleware`, with the feature of that name: ready-made middleware.
//! - [`testing`]: all of it without a port.
//!
//! # Features
//!
//! - `deflate`, off by default: compressed WebSocket messages. See [`Compression`].
//! - `nats`, off by default: pub/sub between nodes over NATS. See [`PubSub`].
//! - `nats-nkeys`, off by default: the same, with `NKeys` and credentials files.
//! - `nats-sessions`, off by default: sessions that several nodes share, in a key/value bucket of NATS. See `session::NatsStore`.
//! - `http2`, off by default: HTTP/2 on the same port, for clients that know of it beforehand (h2c, as a proxy does), and
//!   WebSockets on its streams (RFC 8441). Nothing is to be configured and no handler is to be changed: the handshake is
//!   then a CONNECT answered with 200, and sub-protocols, compression, the check of the origin, middleware, security and
//!   `init` are as ever. A plain GET on a WebSocket's route is 400 there, for HTTP/2 has no 426. A client may have 200
//!   streams at a time on a connection, which counts as one of `server.max_connections` and is ended when it has had none
//!   for `server.idle_timeout`; each of its requests counts as one of `server.max_requests`.
//! - `metrics`, off by default: counts and times for a recorder of the crate [`metrics`](https://docs.rs/metrics), which the
//!   application installs before it runs. See [below](#metrics).
//! - `tls`, off by default: TLS 1.2 and 1.3, ended in the process by rustls with the provider ring, which needs a C compiler
//!   to build. `server.tls.certificate` and `server.tls.key` name two PEM files; where they are set, TLS is all that the port
//!   speaks. With `http2` a client may choose that (ALPN). The files are looked at every second: when they have changed and
//!   then stood still, new connections are shown the new certificate, and the old ones go on. A pair that can't be used
//!   is an error at start, and later one in the log while the pair before it stays in use. A handshake may take as long as
//!   a request's head.
//!
//!   ```toml
//!   [env.prod.server.tls]
//!   certificate = "/etc/ssl/example.com/fullchain.pem"
//!   key = "/etc/ssl/example.com/privkey.pem"
//!   ```
//! - `middleware`, off by default: request ids, CORS, timeouts and headers for safety. See `middleware`.
//! - `compression`, off by default: middleware that compresses responses with gzip; `compression-br` adds Brotli.
//! - `rate-limit`, off by default: middleware that limits how many requests a client may make.
//! - `openapi`, off by default: the routes as an `OpenAPI` document. See `nova::openapi`.
//! - `multipart`, off by default: forms with files, in memory or on disk. See `Multipart`.
//! - `test-util`, off by default and for dev-dependencies: tests that control the clock. See [`testing`].
//!
//! # Metrics
//!
//! With the feature `metrics`, and a recorder such as that of `metrics-exporter-prometheus`:
//!
//! | name | what | labels |
//! |---|---|---|
//! | `nova_http_requests_total` | requests that were answered | `route`, `status` |
//! | `nova_http_request_seconds` | how long that took, from security to the response | `route` |
//! | `nova_websocket_connections` | connections that are open | `route` |
//! | `nova_websocket_received_total` | frames that came | `route` |
//! | `nova_websocket_sent_total` | frames that connections sent; those that a broadcast writes straight to clients are among the deliveries | `route` |
//! | `nova_websocket_queue_messages` | how many messages wait when a connection comes to handle them | `route` |
//! | `nova_websocket_closed_total` | connections that have ended | `route`, `reason` |
//! | `nova_broadcasts_total` | broadcasts that were sent on this node, or came to it from others | |
//! | `nova_broadcasts_delivered_total`, `nova_broadcasts_missed_total` | members that they went to, and did not | |
//! | `nova_cluster_link_up`, `nova_cluster_nodes`, `nova_cluster_queue_messages` | the link to other nodes: 1 or 0, how many there are, what waits for it | |
//! | `nova_cluster_connections_total`, `_published_total`, `_received_total`, `_lost_total`, `_gaps_total`, `_missed_total` | as [`Link`] has it | |
//! | `nova_cluster_refused_total` | broadcasts that did not leave the node | `reason` |
//!
//! A route is the path that it was declared with, under its prefixes; what no route answers is `unmatched`. Nothing listens
//! for a scrape unless the application makes it.

#[cfg(feature = "middleware")]
pub mod middleware;
pub mod prelude;
pub mod session;
pub use session::Session;
pub mod sse;
pub mod testing;

mod app;
pub use app::{App, RouteTable, Start};

#[cfg(feature = "openapi")]
pub mod openapi;

mod dev;
mod router;
pub use router::RouteError;
mod server;

#[cfg(unix)]
mod handoff;
mod health;
pub use health::{Health, health};

mod dispatch;

mod client;
pub use client::Client;
mod scope;

mod csrf;
pub use csrf::CsrfToken;

mod routes;
pub use routes::{Group, IntoController, Routes};

mod websocket;
pub use websocket::{
    Accept, Commands, Compression, Handoff, Info, Init, IntoAccept, NoMessage, NotSent, Overflow, Reason, Rejection,
    Resumed, Socket, Timer, WebSocketHandler,
};
mod arities;
mod parts_handler;
pub use parts_handler::PartsHandler;

mod reply;
pub use reply::{Body, Kind, Reply, SendFile, kind};
mod registry;
pub use registry::{Registry, RegistryError, ReplyHandler, Replying, RequestContext};
mod extract;
pub use extract::{Form, Json, Path, Query};
#[cfg(feature = "multipart")]
pub use extract::{Multipart, MultipartField, MultipartStream, Upload};
mod fallback;
pub use fallback::Invalid;
mod files;
mod security;
pub use security::{Access, AuthData, IntoAccess};
mod status_page;
mod view;
pub use view::ViewError;

mod pubsub;
pub use pubsub::{
    Cluster, Gap, Link, Members, Message, Outcome, Payload, PubSub, Received, SubscriberId, Subscription, Unsent,
};

mod wire;
pub use wire::{Close, Frame, Text};

mod config;
pub use config::{Config, ConfigError};
mod environment;
pub use environment::Environment;
mod error;
pub use error::{Error, Result};
mod lifecycle;
#[cfg(unix)]
mod line;
mod lot;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "without_metrics.rs"]
mod metrics;
mod moving;
mod negotiate;
mod origin;
mod problem;
pub use problem::Problem;
mod status;
pub use status::IntoStatus;
mod telemetry;
mod transport;
mod unwind;
mod wheel;

/// The framework that controllers, extractors and layers come from.
pub use axum;
/// Requests, responses, headers, statuses.
pub use axum::http;
/// JSON values.
pub use serde_json;
/// Lines in the log.
pub use tracing;
