//! A connection's stream of bytes, with what lives exactly as long as it.

use std::fmt;
use std::io::{self, Read as _};
use std::net::{Shutdown, SocketAddr};
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use crate::lifecycle::Alive;

/// What is no longer than this is written in one piece: to put it together costs less than a list of pieces costs the kernel.
const ONE_PIECE: usize = 1024;

/// A stream of bytes in both directions. Whoever holds it holds its place among the connections: through an upgrade, and
/// until it is dropped.
#[derive(Debug)]
pub(crate) struct Transport {
    stream: Stream,
    _permit: Option<OwnedSemaphorePermit>,
    _alive: Alive,
}

/// What carries the bytes.
pub(crate) enum Stream {
    /// The common case, which costs nothing beside the socket.
    Tcp(TcpStream),
    /// The same, for several to write to.
    Shared(Arc<TcpStream>),
    /// Anything else: a stream that is encrypted, one of several on a connection, or none of the kernel's.
    Boxed(Box<dyn Duplex>),
}

/// A stream of bytes in both directions, whatever carries them.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {
    /// The connection below, where it is this stream's alone.
    fn below(&self) -> Option<&Transport> {
        None
    }
}

/// The pieces in one, if that has room for them.
fn gathered<'a>(bufs: &[io::IoSlice<'_>], space: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut length = 0;
    for buf in bufs {
        space.get_mut(length..length + buf.len())?.copy_from_slice(buf);
        length += buf.len();
    }
    Some(&space[..length])
}

/// What is in the place of a stream for a moment.
impl Duplex for tokio::io::Empty {}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(stream) => stream.fmt(f),
            Self::Shared(stream) => stream.fmt(f),
            Self::Boxed(_) => f.write_str("Boxed(..)"),
        }
    }
}

impl Transport {
    /// A stream, with its place among the connections where it has one of its own.
    pub(crate) fn new(stream: Stream, permit: Option<OwnedSemaphorePermit>, alive: Alive) -> Self {
        Self {
            stream,
            _permit: permit,
            _alive: alive,
        }
    }

    /// Shares the TCP stream, for others to write to; `None` where it is another kind of stream. Who writes when is theirs to
    /// agree on.
    pub(crate) fn share(&mut self) -> Option<Arc<TcpStream>> {
        // Something to be in its place for the moment, which takes no memory.
        let nothing = Stream::Boxed(Box::new(tokio::io::empty()));
        self.stream = match std::mem::replace(&mut self.stream, nothing) {
            Stream::Tcp(stream) => Stream::Shared(Arc::new(stream)),
            other => other,
        };
        match &self.stream {
            Stream::Shared(stream) => Some(Arc::clone(stream)),
            _ => None,
        }
    }

    /// Who is at the other end, where that is what the socket has.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        match &self.stream {
            Stream::Tcp(stream) => stream.peer_addr().ok(),
            Stream::Shared(stream) => stream.peer_addr().ok(),
            Stream::Boxed(_) => None,
        }
    }

    /// Bounds what the kernel holds of what is sent and of what is received, in bytes: Linux takes twice as many, for what it
    /// adds. Where there is no number it goes on as it likes. Only a socket of its own has buffers of its own.
    pub(crate) fn bound_buffers(&self, [send, receive]: [Option<NonZeroUsize>; 2]) -> io::Result<()> {
        let stream = match &self.stream {
            Stream::Tcp(stream) => stream,
            Stream::Shared(stream) => stream,
            Stream::Boxed(stream) => {
                return stream
                    .below()
                    .map_or(Ok(()), |below| below.bound_buffers([send, receive]));
            }
        };
        // What bounds that is from now on the buffer.
        bound_unsent(stream, 0);
        let socket = SockRef::from(stream);
        send.map_or(Ok(()), |bytes| socket.set_send_buffer_size(bytes.get()))?;
        receive.map_or(Ok(()), |bytes| socket.set_recv_buffer_size(bytes.get()))
    }

    /// Writes and flushes as much as is taken now, and leaves in `bytes` what was not. Ready when that is nothing.
    pub(crate) fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &mut &[u8]) -> Poll<io::Result<()>> {
        while !bytes.is_empty() {
            let written = ready!(Pin::new(&mut *self).poll_write(cx, bytes))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *bytes = &bytes[written..];
        }
        Pin::new(self).poll_flush(cx)
    }
}

/// Bounds what the kernel holds and has not sent, in bytes, where it can: it may hold more that is on its way. With 0 it holds
/// what it likes.
pub(crate) fn bound_unsent(stream: &TcpStream, bytes: u32) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // It is there or it is not.
    let _ = SockRef::from(stream).set_tcp_notsent_lowat(bytes);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (stream, bytes);
}

/// As `TcpStream::poll_read` does it: what does not fill the buffer was all there is, and the kernel is not asked again
/// before it says that there is more.
fn poll_read_shared(stream: &TcpStream, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
    loop {
        ready!(stream.poll_read_ready(cx))?;
        let room = buf.initialize_unfilled();
        let mut read = 0;
        let result = stream.try_io(Interest::READABLE, || {
            read = (&*SockRef::from(stream)).read(room)?;
            if 0 < read && read < room.len() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(())
        });
        match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && read == 0 => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Poll::Ready(Err(error)),
            _ => {
                buf.advance(read);
                return Poll::Ready(Ok(()));
            }
        }
    }
}

fn poll_write_shared(stream: &TcpStream, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_write_ready(cx))?;
        match stream.try_write(buf) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            written => return Poll::Ready(written),
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Shared(stream) => poll_read_shared(stream, cx, buf),
            Stream::Boxed(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Shared(stream) => poll_write_shared(stream, cx, buf),
            Stream::Boxed(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Tcp(stream) => match gathered(bufs, &mut [0; ONE_PIECE]) {
                Some(piece) => Pin::new(stream).poll_write(cx, piece),
                None => Pin::new(stream).poll_write_vectored(cx, bufs),
            },
            // A connection that is shared is HTTP's no more, and has what it writes in one piece.
            Stream::Shared(stream) => poll_write_shared(stream, cx, bufs.first().map_or(&[], |buf| buf)),
            Stream::Boxed(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Tcp(stream) => stream.is_write_vectored(),
            Stream::Shared(_) => false,
            Stream::Boxed(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            // What is written is the kernel's.
            Stream::Tcp(_) | Stream::Shared(_) => Poll::Ready(Ok(())),
            Stream::Boxed(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Shared(stream) => Poll::Ready(match SockRef::from(&**stream).shutdown(Shutdown::Write) {
                // The peer has ended it: there is nothing left to end, as with a stream that is not shared.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                ended => ended,
            }),
            Stream::Boxed(stream) => Pin::new(stream).poll_shutdown(cx),
        }
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

/// How a request's body arrives: an extension of every request that came over a socket and has one.
#[derive(Debug, Default)]
pub(crate) struct Arrival {
    is_late: AtomicBool,
    is_over: AtomicBool,
}

impl Arrival {
    /// Whether the body came too slowly, and will not come any more.
    pub(crate) fn is_late(&self) -> bool {
        self.is_late.load(Ordering::Relaxed)
    }

    pub(crate) fn set_late(&self) {
        self.is_late.store(true, Ordering::Relaxed);
    }

    /// Whether all of the body has come.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    pub(crate) fn set_over(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}
