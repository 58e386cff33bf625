//! WebSocket connections, as their handlers see them.

mod buffer;
mod commands;
mod connection;
mod handler;
mod handshake;
mod init;
mod mailbox;
mod socket;

pub use commands::Commands;
pub use handler::{Info, NoMessage, Reason, WebSocketHandler};
pub(crate) use handshake::{Answer, Settings, WebSocketOptions, upgrade};
pub use init::{Accept, IntoAccept, Overflow, Rejection};
pub(crate) use mailbox::Mailbox;
pub use mailbox::{NotSent, Timer};
pub use socket::Socket;
