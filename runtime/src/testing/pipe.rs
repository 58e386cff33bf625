//! A stream of bytes between a client and a server, in memory.
//!
//! It behaves as a TCP connection does that is sometimes slow and sometimes cut. An idle one holds no buffer: a test may
//! hold a great many.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop::poll_proceed;
use tokio::time::{Sleep, sleep};

use super::link::{Cuts, Link, Way};
use super::random::Rng;
use crate::transport::Duplex;

/// The most that a client may have sent without the server reading it. More is a mistake in the test.
const UNREAD: usize = 256 * 1024 * 1024;

/// The client's end.
pub(super) struct ClientEnd(Arc<Pipe>);

/// The server's end: what its transport carries.
pub(super) struct ServerEnd(Arc<Pipe>);

/// What a client finds when it has read all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There are bytes.
    Bytes,
    /// The server has ended its direction.
    End,
    /// The connection was reset.
    Reset,
}

struct Pipe(Mutex<State>);

#[expect(clippy::struct_excessive_bools, reason = "any of them may be set beside any other")]
struct State {
    to_server: VecDeque<u8>,
    to_client: VecDeque<u8>,
    /// The server's task: it reads and writes in one.
    server: Option<Waker>,
    client: Option<Waker>,
    window: usize,
    client_ended: bool,
    client_gone: bool,
    server_ended: bool,
    reset: bool,
    /// Whether the server sees nothing of what the client does.
    held: bool,
    /// Only a link with faults has them.
    faults: Option<Box<Faults>>,
}

struct Faults {
    to_server: Lane,
    to_client: Lane,
}

/// One direction, as its link wants it.
struct Lane {
    way: Way,
    rng: Rng,
    /// How many pieces have passed.
    pieces: usize,
    /// How many bytes have passed.
    passed: usize,
    /// What the next piece waits for.
    gap: Gap,
}

enum Gap {
    None,
    /// The others' turn.
    Turn,
    Late(Pin<Box<Sleep>>),
}

pub(super) fn pipe(link: Link) -> (ClientEnd, ServerEnd) {
    let plain = link.to_server.is_plain() && link.to_client.is_plain();
    let mut rng = Rng::new(link.seed);
    let pipe = Arc::new(Pipe(Mutex::new(State {
        to_server: VecDeque::new(),
        to_client: VecDeque::new(),
        server: None,
        client: None,
        window: link.window,
        client_ended: false,
        client_gone: false,
        server_ended: false,
        reset: false,
        held: false,
        faults: (!plain).then(|| {
            Box::new(Faults {
                to_server: Lane::new(link.to_server, rng.fork()),
                to_client: Lane::new(link.to_client, rng),
            })
        }),
    })));
    (ClientEnd(Arc::clone(&pipe)), ServerEnd(pipe))
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something that the server is to see.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        wake(state, |state| &mut state.server);
    }
}

/// Wakes a task where no lock is held.
fn wake(mut state: MutexGuard<'_, State>, of: impl Fn(&mut State) -> &mut Option<Waker>) {
    let waker = of(&mut state).take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

fn wait<T>(waker: &mut Option<Waker>, context: &Context<'_>) -> Poll<T> {
    match waker {
        Some(waker) => waker.clone_from(context.waker()),
        none => *none = Some(context.waker().clone()),
    }
    Poll::Pending
}

/// Moves up to `most` bytes out of a queue. An empty one keeps no room.
fn take(queue: &mut VecDeque<u8>, most: usize, mut put: impl FnMut(&[u8])) -> usize {
    let count = most.min(queue.len());
    let (front, back) = queue.as_slices();
    let from_front = count.min(front.len());
    put(&front[..from_front]);
    put(&back[..count - from_front]);
    queue.drain(..count);
    if queue.is_empty() {
        *queue = VecDeque::new();
    }
    count
}

impl ClientEnd {
    /// Sends. What a server that is gone does not get is lost, as it is over TCP.
    pub(super) fn send(&self, bytes: &[u8]) {
        let mut state = self.0.lock();
        if state.reset || state.client_ended || bytes.is_empty() {
            return;
        }
        assert!(
            state.to_server.len() + bytes.len() <= UNREAD,
            "the server does not read: {UNREAD} bytes wait for it"
        );
        state.to_server.extend(bytes);
        if !state.held {
            wake(state, |state| &mut state.server);
        }
    }

    /// Reads up to `most` bytes to the end of `into`.
    pub(super) fn poll_receive(&self, context: &Context<'_>, most: usize, into: &mut Vec<u8>) -> Poll<Found> {
        let mut state = self.0.lock();
        if state.to_client.is_empty() {
            return match (state.reset, state.server_ended) {
                (true, _) => Poll::Ready(Found::Reset),
                (false, true) => Poll::Ready(Found::End),
                (false, false) => wait(&mut state.client, context),
            };
        }
        take(&mut state.to_client, most, |bytes| into.extend_from_slice(bytes));
        // It may wait for room.
        wake(state, |state| &mut state.server);
        Poll::Ready(Found::Bytes)
    }

    /// How many bytes the server has not read yet.
    pub(super) fn unread(&self) -> usize {
        self.0.lock().to_server.len()
    }

    /// Whether the server is to see what the client does.
    pub(super) fn hold(&self, held: bool) {
        self.0.change(|state| state.held = held);
    }

    /// Ends the client's direction.
    pub(super) fn end(&self) {
        self.0.change(|state| state.client_ended = true);
    }

    /// Cuts both directions. What the server has not read is lost.
    pub(super) fn reset(&self) {
        self.0.change(State::reset);
    }
}

impl Drop for ClientEnd {
    fn drop(&mut self) {
        self.0.change(|state| state.client_gone = true);
    }
}

impl Drop for ServerEnd {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.server_ended = true;
        // Nobody reads it any more.
        state.to_server = VecDeque::new();
        wake(state, |state| &mut state.client);
    }
}

impl State {
    fn reset(&mut self) {
        self.reset = true;
        self.to_server = VecDeque::new();
    }
}

impl Duplex for ServerEnd {}

impl AsyncRead for ServerEnd {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let budget = ready!(poll_proceed(cx));
        let mut guard = self.0.lock();
        let state = &mut *guard;
        if state.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let is_over = state.client_ended || state.client_gone;
        if state.held || (state.to_server.is_empty() && !is_over) {
            return wait(&mut state.server, cx);
        }
        let mut most = buf.remaining().min(state.to_server.len());
        if let Some(faults) = &mut state.faults
            && most > 0
        {
            if faults.to_server.is_at_its_end() {
                state.reset();
                wake(guard, |state| &mut state.client);
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            most = ready!(faults.to_server.poll_piece(cx, most));
        }
        take(&mut state.to_server, most, |bytes| buf.put_slice(bytes));
        budget.made_progress();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ServerEnd {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let budget = ready!(poll_proceed(cx));
        let mut guard = self.0.lock();
        let state = &mut *guard;
        if state.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if state.client_gone || state.server_ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut most = buf.len().min(state.window.saturating_sub(state.to_client.len()));
        if most == 0 && !buf.is_empty() {
            return wait(&mut state.server, cx);
        }
        if let Some(faults) = &mut state.faults {
            if faults.to_client.is_at_its_end() {
                state.reset();
                wake(guard, |state| &mut state.client);
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            most = ready!(faults.to_client.poll_piece(cx, most));
        }
        state.to_client.extend(&buf[..most]);
        budget.made_progress();
        wake(guard, |state| &mut state.client);
        Poll::Ready(Ok(most))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock();
        state.server_ended = true;
        wake(state, |state| &mut state.client);
        Poll::Ready(Ok(()))
    }
}

impl Lane {
    fn new(way: Way, rng: Rng) -> Self {
        Self {
            way,
            rng,
            pieces: 0,
            passed: 0,
            gap: Gap::None,
        }
    }

    fn is_at_its_end(&self) -> bool {
        self.way.reset_after.is_some_and(|after| self.passed >= after)
    }

    /// Waits until the next piece may pass, and gives its size: of `most` bytes at most.
    fn poll_piece(&mut self, context: &mut Context<'_>, most: usize) -> Poll<usize> {
        match std::mem::replace(&mut self.gap, Gap::None) {
            Gap::None => {}
            Gap::Turn => {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Gap::Late(mut until) => {
                if until.as_mut().poll(context).is_pending() {
                    self.gap = Gap::Late(until);
                    return Poll::Pending;
                }
            }
        }
        let size = match &self.way.cuts {
            Cuts::None => most,
            Cuts::Sizes(sizes) => sizes.get(self.pieces % sizes.len().max(1)).copied().unwrap_or(most),
            Cuts::UpTo(size) => 1 + self.rng.below((*size).max(1)),
        };
        let left = self.way.reset_after.map_or(usize::MAX, |after| after - self.passed);
        let piece = most.min(size.max(1)).min(left);
        self.pieces += 1;
        self.passed += piece;
        self.gap = self.next_gap();
        Poll::Ready(piece)
    }

    fn next_gap(&mut self) -> Gap {
        let longest = u64::try_from(self.way.jitter.as_nanos()).unwrap_or(u64::MAX);
        if longest > 0 && self.rng.once_in(2) {
            let late = Duration::from_nanos(self.rng.next_u64() % longest);
            return Gap::Late(Box::pin(sleep(late)));
        }
        let gives_way = match self.way.cuts {
            Cuts::None => false,
            Cuts::Sizes(_) => true,
            Cuts::UpTo(_) => self.rng.once_in(2),
        };
        if gives_way { Gap::Turn } else { Gap::None }
    }
}
