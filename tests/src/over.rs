//! What a WebSocket travels over: the same connection, whatever carries it.

use crate::http::Connection;
use crate::{Server, WebSocket, http2};

/// What there is to travel over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// HTTP/1.1, upgraded.
    Http1,
    /// A stream of HTTP/2.
    Http2,
}

impl Over {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Http1, Self::Http2];
}

/// A client of a server, over one of them.
#[derive(Debug)]
pub enum Client {
    /// It connects for each WebSocket.
    Http1(std::net::SocketAddr),
    /// All of its WebSockets are on one connection.
    Http2(http2::Connection),
}

impl Client {
    /// A client of this server.
    pub fn new(server: &Server, over: Over) -> Self {
        match over {
            Over::Http1 => Self::Http1(server.address()),
            Over::Http2 => Self::Http2(http2::open(server)),
        }
    }

    /// Opens a WebSocket.
    pub fn open(&mut self, target: &str) -> WebSocket {
        match self {
            Self::Http1(address) => WebSocket::upgraded(Connection::open(*address), target, &[], []),
            Self::Http2(connection) => connection.websocket(target, &[]),
        }
    }
}
