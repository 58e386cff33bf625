//! Which protocol a connection begins with: HTTP/2 announces itself, by bytes that begin no request of HTTP/1
//! (RFC 9113 §3.4). What was agreed on by TLS shows in them too.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::transport::Transport;

const PREFACE: [u8; 24] = *b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection whose first bytes have been read, and are read again.
pub(super) struct Begun {
    transport: Transport,
    beginning: [u8; PREFACE.len()],
    /// What has been read of the beginning, and how much of that once more.
    read: usize,
    reread: usize,
}

impl Begun {
    /// Reads until it is clear what the connection begins with: mostly one byte shows it. Not cancel safe.
    pub(super) async fn read(mut transport: Transport) -> io::Result<Self> {
        let mut beginning = [0; PREFACE.len()];
        let mut read = 0;
        while read < PREFACE.len() && beginning[..read] == PREFACE[..read] {
            let mut more = ReadBuf::new(&mut beginning[read..]);
            poll_fn(|context| Pin::new(&mut transport).poll_read(context, &mut more)).await?;
            match more.filled().len() {
                0 => break,
                more => read += more,
            }
        }
        Ok(Self {
            transport,
            beginning,
            read,
            reread: 0,
        })
    }

    pub(super) fn is_http2(&self) -> bool {
        self.beginning[..self.read] == PREFACE
    }

    /// The connection itself, when all that had been read has been read again: so when there was a request.
    pub(super) fn into_transport(self) -> Transport {
        debug_assert_eq!(self.reread, self.read, "no request is as short as that");
        self.transport
    }
}

impl AsyncRead for Begun {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let left = &self.beginning[self.reread..self.read];
        if left.is_empty() {
            return Pin::new(&mut self.transport).poll_read(cx, buf);
        }
        let taken = left.len().min(buf.remaining());
        buf.put_slice(&left[..taken]);
        self.reread += taken;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Begun {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(cx)
    }
}
