//! A connection's TCP stream, with what lives exactly as long as it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use crate::lifecycle::Alive;

/// A TCP stream. Whoever holds it holds its place among the connections: through an upgrade, and until it is dropped.
#[derive(Debug)]
pub(crate) struct Transport {
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
    _alive: Alive,
}

impl Transport {
    pub(crate) fn new(stream: TcpStream, permit: OwnedSemaphorePermit, alive: Alive) -> Self {
        Self {
            stream,
            _permit: permit,
            _alive: alive,
        }
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }
}

impl AsyncRead for Transport {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A protocol that takes a connection over from HTTP, with the bytes that HTTP has read beyond its request.
pub(crate) type Successor = Box<dyn FnOnce(Transport, Bytes) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// What a request has to do with its connection: an extension of every request that came over a socket.
///
/// By it the server and a WebSocket meet without knowing each other: the handshake leaves a successor, and the task that
/// served HTTP goes on as that.
#[derive(Clone, Default)]
pub(crate) struct Connection {
    successor: Arc<Mutex<Option<Successor>>>,
}

impl Connection {
    /// Names what goes on with the connection after the response to this request, which must be a 101.
    pub(crate) fn hand_over_to(&self, successor: Successor) {
        *self.successor.lock().unwrap_or_else(PoisonError::into_inner) = Some(successor);
    }

    pub(crate) fn has_successor(&self) -> bool {
        self.successor.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(crate) fn take_successor(&self) -> Option<Successor> {
        self.successor.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
