//! What a WebSocket travels over: the same connection, whatever carries it.

use std::net::SocketAddr;
use std::path::Path;

use crate::http::Connection;
use crate::{Project, Server, WebSocket, http2, tls};

/// What there is to travel over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// HTTP/1.1, upgraded.
    Http1,
    /// A stream of HTTP/2.
    Http2,
    /// HTTP/1.1 over TLS.
    Tls,
    /// A stream of HTTP/2 over TLS.
    Http2OverTls,
}

impl Over {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Http1, Self::Http2, Self::Tls, Self::Http2OverTls];

    /// Whether the server speaks TLS.
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Http2OverTls)
    }

    /// An empty project, whose application is served over this.
    pub fn project(self) -> Project {
        match self.is_secure() {
            true => Project::new().secure(),
            false => Project::new(),
        }
    }
}

/// A client of a server, over one of them.
#[derive(Debug)]
pub enum Client {
    /// It connects for each WebSocket.
    Http1(SocketAddr),
    /// All of its WebSockets are on one connection.
    Http2(http2::Connection),
    /// It connects for each WebSocket.
    Tls(tls::Client),
}

impl Client {
    /// A client of this server.
    pub fn new(server: &Server, over: Over) -> Self {
        Self::of(server.address(), server.project().path(), over)
    }

    /// A client of the server at this address, whose project is in this directory.
    pub fn of(address: SocketAddr, directory: &Path, over: Over) -> Self {
        let tls = |protocol| tls::Client::trusting(directory, address, &[protocol]);
        match over {
            Over::Http1 => Self::Http1(address),
            Over::Http2 => Self::Http2(http2::Connection::open(address)),
            Over::Tls => Self::Tls(tls(tls::HTTP1)),
            Over::Http2OverTls => Self::Http2(tls(tls::HTTP2).connect_http2()),
        }
    }

    /// Opens a WebSocket.
    pub fn open(&mut self, target: &str) -> WebSocket {
        self.open_with(target, &[])
    }

    /// Opens a WebSocket with more headers.
    pub fn open_with(&mut self, target: &str, headers: &[(&str, &str)]) -> WebSocket {
        match self {
            Self::Http1(address) => WebSocket::upgraded(Connection::open(*address), target, headers, []),
            Self::Http2(connection) => connection.websocket(target, headers),
            Self::Tls(client) => WebSocket::upgraded(client.connect(), target, headers, []),
        }
    }
}
