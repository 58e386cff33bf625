//! What happens on a connection of HTTP/1, as both ends of hyper see it: the stream below, and the requests above.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::heads::{Heads, TooLong};
use super::limits::Limits;
use super::patient::Patient;

/// How long a client that has ended its side is still answered, from that or from what it took last on. It can't be told from
/// one that is gone, until something is written to it.
const AFTER_ITS_END: Duration = Duration::from_secs(5);

/// The connection's conversation. Cheap to clone.
#[derive(Clone)]
pub(super) struct Talk(Arc<Mutex<Inner>>);

struct Inner {
    heads: Heads,
    /// How many requests have begun, and whether the last of them has not been answered.
    requests: u64,
    is_running: bool,
    /// Whether something waits to be taken by the client, who has a time of its own for that.
    is_writing: bool,
    /// When something last happened that the client is given time after: now, as long as the clock was not read for it.
    since: Option<Instant>,
    /// Why a head is not waited for.
    too_long: Option<TooLong>,
    /// Whether the client will send nothing more.
    is_over: bool,
    /// Who is told of that when the request that runs has been answered.
    at_the_end: Option<Waker>,
}

/// Lasts as long as a request runs: until the response has been taken.
pub(super) struct Turn(Talk);

/// A stream that is heard as it is read and written.
pub(super) struct Heard<I> {
    io: Patient<I>,
    talk: Talk,
}

impl Talk {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Inner {
            heads: Heads::new(),
            requests: 0,
            is_running: false,
            is_writing: false,
            since: None,
            too_long: None,
            is_over: false,
            at_the_end: None,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request has come. `None` where it is one that may be read in two ways.
    pub(super) fn begin(&self) -> (Turn, bool) {
        let mut inner = self.lock();
        let is_clear = !inner.heads.refuses(inner.requests);
        inner.requests += 1;
        inner.is_running = true;
        (Turn(self.clone()), is_clear)
    }

    /// Until when the client may leave things as they are: for ever where it is waited for by others.
    pub(super) fn deadline(&self, limits: &Limits, head_timeout: Duration) -> Option<Instant> {
        let mut inner = self.lock();
        let in_a_head = inner.heads.has_begun() || inner.heads.is_first();
        let patience = match in_a_head {
            _ if inner.is_over && inner.is_running && !inner.is_writing => AFTER_ITS_END,
            _ if inner.is_running || inner.is_writing => return None,
            true => head_timeout,
            false if inner.heads.is_between() => limits.idle_timeout,
            // The rest of a body, which has its own time.
            false => return None,
        };
        Some(*inner.since.get_or_insert_with(Instant::now) + patience)
    }

    /// What is said to a client whose head is too long.
    pub(super) fn too_long(&self) -> Option<StatusCode> {
        self.lock().too_long.map(|too_long| match too_long {
            TooLong::Target => StatusCode::URI_TOO_LONG,
            TooLong::Head => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        })
    }

    /// Whether a head has begun and not ended, and nothing else is to be done.
    pub(super) fn is_cut_short(&self) -> bool {
        let inner = self.lock();
        inner.heads.has_begun() && !inner.is_over && !inner.is_running && !inner.is_writing
    }

    /// Whether the client may still be sending what nobody reads.
    pub(super) fn may_send_more(&self) -> bool {
        let inner = self.lock();
        !inner.is_over && !inner.heads.is_between()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        inner.is_running = false;
        inner.since = None;
        let at_the_end = inner.at_the_end.take();
        drop(inner);
        if let Some(waker) = at_the_end {
            waker.wake();
        }
    }
}

impl<I> Heard<I> {
    pub(super) fn new(io: I, write_timeout: Duration, talk: Talk) -> Self {
        let io = Patient::new(io, write_timeout);
        Self { io, talk }
    }

    pub(super) fn into_inner(self) -> I {
        self.io.into_inner()
    }

    fn after_write(&self, is_written: bool) {
        let mut inner = self.talk.lock();
        inner.is_writing = self.io.is_full();
        if is_written && (!inner.is_running || inner.is_over) {
            inner.since = None;
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Heard<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        let mut inner = self.talk.lock();
        let come = &buf.filled()[before..];
        let had_begun = inner.heads.has_begun();
        let was_over = std::mem::replace(&mut inner.is_over, come.is_empty());
        // hyper would take it for the end of all, and who has sent a request waits for the answer.
        if inner.is_over && inner.is_running && inner.heads.is_between() {
            if !was_over {
                inner.since = None;
            }
            inner.at_the_end = Some(cx.waker().clone());
            return Poll::Pending;
        }
        // Behind something else it may be no head: what a client sends after an upgrade is not. If it is one, hyper refuses it.
        if let Err((too_long, 0)) = inner.heads.follow(come)
            && !inner.is_running
        {
            inner.too_long = Some(too_long);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "the head is too long")));
        }
        if !had_begun && !inner.is_running && inner.heads.has_begun() {
            inner.since = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Heard<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.after_write(written.is_ready());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.after_write(written.is_ready());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
