//! A stream whose other end may take only so long to read something.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A stream on which a write fails when nothing has been taken for a time. While nothing is to be written there is no such
/// time, and no timer.
#[derive(Debug)]
pub(super) struct Patient<I> {
    io: I,
    patience: Duration,
    /// Since something waits to be taken.
    waiting: Option<Pin<Box<Sleep>>>,
    /// Whether that is a write, and not a flush.
    is_full: bool,
}

impl<I> Patient<I> {
    pub(super) fn new(io: I, patience: Duration) -> Self {
        Self {
            io,
            patience,
            waiting: None,
            is_full: false,
        }
    }

    pub(super) fn into_inner(self) -> I {
        self.io
    }

    /// Whether the last write has found no room.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(waiting.as_mut().poll(cx));
        Poll::Ready(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client does not read what is written to it",
        ))
    }

    fn after_write<T>(&mut self, written: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.is_full = written.is_pending();
        if self.is_full {
            return self.poll_waiting(cx).map(Err);
        }
        self.waiting = None;
        written
    }

    fn after_flush(&mut self, flushed: Poll<io::Result<()>>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if flushed.is_pending() {
            return self.poll_waiting(cx).map(Err);
        }
        if !self.is_full {
            self.waiting = None;
        }
        flushed
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Patient<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Patient<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.after_write(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.after_write(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.after_flush(flushed, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.io).poll_shutdown(cx);
        self.after_flush(ended, cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::Instant;

    use super::*;

    #[test]
    fn who_reads_something_now_and_then_is_waited_for() {
        crate::testing::run_paused(async {
            let (mut client, server) = duplex(10);
            let mut server = Patient::new(server, Duration::from_secs(30));
            let writing = async {
                server.write_all(&[0; 100]).await.unwrap();
                server.shutdown().await.unwrap();
            };
            let reading = async {
                for _ in 0..100 {
                    sleep(Duration::from_secs(29)).await;
                    client.read_u8().await.unwrap();
                }
            };
            tokio::join!(writing, reading);
        });
    }

    #[test]
    fn who_reads_nothing_is_not() {
        crate::testing::run_paused(async {
            let (_client, server) = duplex(10);
            let mut server = Patient::new(server, Duration::from_secs(30));
            server.write_all(&[0; 10]).await.unwrap();
            // As long as nothing is to be written, all has been taken.
            sleep(Duration::from_hours(1)).await;
            let start = Instant::now();
            let error = server.write_all(&[0; 10]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert_eq!(start.elapsed().as_secs(), 30);
        });
    }
}
