//! WebSocket connections, as their handlers see them.

mod buffer;
mod commands;
mod compression;
mod connection;
#[cfg(feature = "deflate")]
mod deflate;
#[cfg(not(feature = "deflate"))]
#[path = "without_deflate.rs"]
mod deflate;
mod ending;
mod endpoint;
#[cfg(feature = "deflate")]
mod extensions;
mod handler;
mod handoff;
mod handshake;
mod init;
mod mailbox;
mod opening;
mod output;
mod queue;
mod route;
mod snapshot;
mod socket;
mod timers;
mod watch;
mod write;

pub use commands::Commands;
pub use compression::Compression;
pub(crate) use endpoint::{Endpoint, Resumer, endpoint};
pub use handler::{Info, NoMessage, Reason, WebSocketHandler};
pub use handoff::{Handoff, Resumed};
pub(crate) use handshake::{Settings, WebSocketOptions, upgrade};
pub use init::{Accept, IntoAccept, Overflow, Rejection};
pub(crate) use mailbox::Mailbox;
pub use mailbox::NotSent;
pub use opening::Init;
pub(crate) use queue::Mail;
pub(crate) use route::Route;
pub(crate) use snapshot::Snapshot;
pub use socket::Socket;
pub use timers::Timer;
pub(crate) use watch::{Watch, Watched};

#[cfg(test)]
mod tests;
