//! Real-time web services, in the way of Erlang's Nova and Cowboy: routes as data, controllers that return values,
//! reply handlers that turn values into responses, WebSocket handlers with typed state, and pub/sub between them.
//!
//! ```no_run
//! use nova::prelude::*;
//!
//! struct Chat { room: String }
//!
//! impl Chat {
//!     async fn init(socket: Socket, Path(room): Path<String>) -> Result<Self, Rejection> {
//!         socket.join(&room);
//!         Ok(Self { room })
//!     }
//! }
//!
//! impl WebSocketHandler for Chat {
//!     async fn handle(&mut self, frame: Frame, socket: &Socket) -> Commands {
//!         if let Frame::Text(text) = frame {
//!             socket.broadcast(&self.room, "message", text);
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
//! - [`App`]: the application, run.
//! - [`Routes`], [`Group`]: the table.
//! - [`Reply`], [`Registry`], [`Invalid`]: what a controller returns, who turns it into a response, and what a fallback
//!   controller is told of.
//! - [`Access`], [`AuthData`]: security functions, and what they hand over.
//! - [`WebSocketHandler`], [`Socket`], [`Frame`], [`Commands`], [`Accept`], [`Compression`]: WebSockets.
//! - [`PubSub`], [`Message`], [`Subscription`]: channels.
//! - [`Config`], [`Environment`]: settings.
//! - [`testing`]: all of it without a port.
//!
//! # Features
//!
//! - `deflate`, off by default: compressed WebSocket messages. See [`Compression`].
//! - `nats`, off by default: pub/sub between nodes over NATS. See [`PubSub`].
//! - `nats-nkeys`, off by default: the same, with NKeys and credentials files.
//! - `test-util`, off by default and for dev-dependencies: tests that control the clock. See [`testing`].

pub mod prelude;
pub mod testing;

mod app;
pub use app::{App, RouteTable};

mod dev;
mod router;
pub use router::RouteError;
mod server;

mod health;
pub use health::{Health, health};

mod dispatch;
mod scope;

mod routes;
pub use routes::{Group, Routes};

mod websocket;
pub use websocket::{
    Accept, Commands, Compression, Info, IntoAccept, NoMessage, NotSent, Overflow, Reason, Rejection, Socket, Timer,
    WebSocketHandler,
};
mod parts_handler;
pub use parts_handler::PartsHandler;

mod reply;
pub use reply::{Body, IntoStatus, Kind, Reply, SendFile, kind};
mod registry;
pub use registry::{Registry, RegistryError, ReplyHandler, Replying, RequestContext};
mod fallback;
pub use fallback::Invalid;
mod files;
mod security;
pub use security::{Access, AuthData};
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
mod negotiate;
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
