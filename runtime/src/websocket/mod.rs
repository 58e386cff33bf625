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
#[cfg(feature = "deflate")]
mod extensions;
mod handler;
mod handshake;
mod init;
mod mailbox;
mod socket;
mod write;

pub use commands::Commands;
pub use compression::Compression;
pub use handler::{Info, NoMessage, Reason, WebSocketHandler};
pub(crate) use handshake::{Answer, Settings, WebSocketOptions, upgrade};
pub use init::{Accept, IntoAccept, Overflow, Rejection};
pub(crate) use mailbox::Mailbox;
pub use mailbox::{NotSent, Timer};
pub use socket::Socket;

#[cfg(test)]
mod tests;
