//! A connection's mailbox: what other tasks, timers and the server have for it.

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

pub(crate) use self::moving::Load;
use super::Info;
use super::init::Overflow;
use super::queue::{self, Mail, Queue};
use super::timers::{Cancel, Due, Entry, Timer, Timers};
use super::watch::Watched;
use crate::moving::Attempt;
use crate::unwind::{Panic, caught_now};
use crate::wheel::{Place, TICK, Timed, Wheel};

/// What a connection's mailbox keeps to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Bounds {
    /// For how long nothing may be received.
    pub(crate) idle_timeout: Duration,
    /// After how long without a byte a ping is sent.
    pub(crate) ping_interval: Option<Duration>,
    /// How many bytes of broadcasts may wait.
    pub(crate) max_queue_size: usize,
    /// What becomes of those for which there is no room.
    pub(crate) overflow: Overflow,
}

/// Until a connection begins, and where there is none.
impl Default for Bounds {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::MAX,
            ping_interval: None,
            max_queue_size: queue::MAX_BYTES,
            overflow: Overflow::default(),
        }
    }
}

/// The mailbox, shared by the connection and all who send to it.
pub(crate) struct Mailbox<M> {
    wheel: Wheel,
    place: Place,
    /// When something was last received, in milliseconds of the wheel: written at every read, so apart from the lock.
    last_received: AtomicU64,
    /// Held for some moves of memory or one write that does not wait, and never while anything is waited for or code of
    /// the application's runs.
    state: Mutex<State<M>>,
    /// Who counts what passes: in `dev` only.
    watched: Option<Arc<Watched>>,
}

struct State<M> {
    queue: Queue<M>,
    /// The client's stream, where broadcasts go straight to it.
    direct: Option<Arc<TcpStream>>,
    /// Whether others may write to it now: not while the connection writes, nor while it has in hand what comes first.
    is_lent: bool,
    /// The connection's task, while it waits.
    waker: Option<Waker>,
    /// Whether it waits for what is urgent alone, as it does while a peer does not read: mail would wake it in vain.
    is_writing: bool,
    /// In milliseconds.
    idle_timeout: u64,
    signals: Signals,
    /// Only where a handler sets timers, or wants pings.
    timers: Option<Box<Timers<M>>>,
}

/// What the connection is to know besides its mail.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "any of them may be set beside any other")]
pub(crate) struct Signals {
    /// A broadcast did not fit.
    pub(crate) overflowed: bool,
    /// Nothing was received for the idle timeout.
    pub(crate) idle: bool,
    /// The server is at its end.
    pub(crate) draining: bool,
    /// The connection is to move to another process, in this attempt.
    pub(crate) moving: Option<Attempt>,
    /// A timer or a ping is due.
    pub(crate) timers: bool,
    /// The stream is to be given, for broadcasts that go straight to the client.
    pub(crate) forwards: bool,
    /// What waits was taken, to be moved: no message of the handler's own is taken meanwhile.
    leaving: bool,
    /// The connection has ended: nothing is taken any more.
    ended: bool,
}

/// A message that was not sent: the connection has ended, or its mailbox is full.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NotSent<M>(pub M);

impl<M: Send + 'static> Mailbox<M> {
    pub(crate) fn new(wheel: &Wheel) -> Self {
        let bounds = Bounds::default();
        Self {
            wheel: wheel.clone(),
            place: Place::nowhere(),
            last_received: AtomicU64::new(0),
            state: Mutex::new(State {
                queue: Queue::new(bounds.max_queue_size, bounds.overflow),
                direct: None,
                is_lent: false,
                waker: None,
                is_writing: false,
                idle_timeout: millis(bounds.idle_timeout),
                signals: Signals::default(),
                timers: None,
            }),
            watched: None,
        }
    }

    /// The same, with what passes counted.
    pub(crate) fn watched_by(mut self, watched: Option<Arc<Watched>>) -> Self {
        self.watched = watched;
        self
    }

    /// Who counts what passes.
    pub(crate) fn watched(&self) -> Option<&Watched> {
        self.watched.as_deref()
    }

    /// From now on gaps are mail.
    pub(crate) fn report_gaps(&self) {
        self.lock().queue.take_gaps();
    }

    /// From now on there are broadcasts that go straight to the client: the connection is to give its stream.
    pub(crate) fn will_forward(&self) {
        let mut state = self.lock();
        state.signals.forwards = state.direct.is_none() && !state.signals.ended;
        if state.signals.forwards {
            wake(state);
        }
    }

    /// Gives the stream that others may write to from now on, where there is one to give.
    pub(crate) fn lend_first(&self, stream: Option<Arc<TcpStream>>) {
        let mut state = self.lock();
        state.signals.forwards = false;
        if !state.signals.ended {
            state.is_lent = stream.is_some();
            state.direct = stream;
        }
    }

    /// Lets others write to the stream again: everything that they may not overtake is written.
    pub(crate) fn lend(&self) {
        let mut state = self.lock();
        state.is_lent = state.direct.is_some();
    }

    /// Takes the stream back, with what must be written before anything else.
    pub(crate) fn take_back(&self) -> Option<Bytes> {
        let mut state = self.lock();
        state.is_lent = false;
        state.queue.pop_rest()
    }

    fn lock(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps to these bounds, which `init` has decided on. What had no room before, and would not have ended the
    /// connection, does not end it.
    pub(crate) fn keep_to(&self, bounds: Bounds) {
        let mut state = self.lock();
        state.signals.overflowed &= bounds.overflow == Overflow::Close;
        state.idle_timeout = millis(bounds.idle_timeout);
        state.queue.bound(bounds.max_queue_size, bounds.overflow);
        if let Some(interval) = bounds.ping_interval {
            state.timers.get_or_insert_default().ping_every(interval);
        }
    }

    /// The connection begins: from now on it is in the wheel.
    pub(crate) fn begin(self: &Arc<Self>) {
        self.received_now();
        self.wheel.enter(&(Arc::clone(self) as Arc<dyn Timed>));
    }

    /// What the wheel has signalled was heard: it goes on watching.
    pub(crate) fn heard(self: &Arc<Self>) {
        self.wheel.enter(&(Arc::clone(self) as Arc<dyn Timed>));
    }

    /// The connection has ended: its timers are cancelled, its mail is dropped, and nothing more is taken.
    pub(crate) fn end(&self) {
        self.wheel.leave(self);
        if let Some(watched) = &self.watched {
            watched.end();
        }
        let mut state = self.lock();
        state.signals.ended = true;
        let asked = state.signals.moving.take();
        let mail = (
            state.queue.take(),
            state.timers.take(),
            state.waker.take(),
            state.direct.take(),
        );
        drop(state);
        // Dropped here, where no lock is held: a message's destructor is the application's code.
        drop(mail);
        if let Some(mover) = self.wheel.mover().filter(|mover| Some(mover.attempt()) == asked) {
            mover.answered();
        }
    }

    /// Something was received.
    pub(crate) fn received_now(&self) {
        // The clock is at most a tick ahead: an idle timeout is never early.
        self.last_received.store(millis(self.wheel.now()), Ordering::Relaxed);
    }

    /// The latest time at which the last byte can have come.
    fn received(&self) -> Duration {
        Duration::from_millis(self.last_received.load(Ordering::Relaxed) + TICK)
    }

    /// Whether nothing has been received for the idle timeout. What the wheel has signalled may be out of date: a callback
    /// may have kept the connection from reading what had come.
    pub(crate) fn is_idle(&self) -> bool {
        let received = self.received();
        let mut state = self.lock();
        state.signals.idle = state.idle_at(received) <= self.wheel.now();
        state.signals.idle
    }

    /// Waits for mail or a signal. One task waits at a time.
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Signals> {
        let mut state = self.lock();
        if !state.queue.is_empty() || state.signals.any() {
            return Poll::Ready(state.signals);
        }
        state.is_writing = false;
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Waits for what ends the connection whatever else it does: an overflow, or the end of the server. Cancel safe.
    pub(crate) async fn urgent(&self) -> Signals {
        poll_fn(|context| {
            let mut state = self.lock();
            if state.signals.overflowed || state.signals.draining || state.signals.moving.is_some() {
                return Poll::Ready(state.signals);
            }
            state.waker = Some(context.waker().clone());
            state.is_writing = true;
            Poll::Pending
        })
        .await
    }

    /// Whether the connection is to move to another process.
    pub(crate) fn is_moving(&self) -> bool {
        let signals = self.lock().signals;
        // One that has missed a broadcast is at its end, and not to go on elsewhere as if it had not.
        signals.moving.is_some() && !signals.overflowed
    }

    /// What waits now. With what is for the client the stream is taken back: until the connection has written it, nobody
    /// else may write.
    pub(crate) fn try_next(&self) -> Option<Mail<M>> {
        let mut state = self.lock();
        if state.signals.moving.is_some() {
            // What waits moves with the connection.
            return None;
        }
        let mail = state.queue.pop()?;
        if matches!(mail, Mail::Forwarded(_) | Mail::Rest(_)) {
            state.is_lent = false;
        }
        Some(mail)
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().queue.len()
    }

    /// How many bytes the broadcasts that wait take.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().queue.bytes()
    }

    pub(crate) fn send(&self, message: M) -> Result<(), NotSent<M>> {
        let mut state = self.lock();
        if state.signals.ended || state.signals.leaving {
            return Err(NotSent(message));
        }
        state.queue.push(message).map_err(NotSent)?;
        wake_for_mail(state);
        Ok(())
    }

    pub(crate) fn send_after(self: &Arc<Self>, delay: Duration, message: M) -> Timer {
        self.set(delay, Due::Once(message))
    }

    pub(crate) fn send_every(self: &Arc<Self>, period: Duration, message: M) -> Timer
    where
        M: Clone,
    {
        // A period of nothing would leave no time for anything else.
        let period = period.max(Duration::from_millis(1));
        self.set(period, Due::Every(period, message, M::clone))
    }

    fn set(self: &Arc<Self>, delay: Duration, what: Due<M>) -> Timer {
        let due = self.wheel.exactly_now().saturating_add(delay);
        let mut state = self.lock();
        let id = match state.signals.ended {
            // No timer has that number.
            true => 0,
            false => state.timers.get_or_insert_default().set(due, what),
        };
        drop(state);
        self.wheel.hurry(&**self);
        Timer::new(Arc::clone(self) as Arc<dyn Cancel>, id)
    }

    /// The time by which timers are due that are handled together.
    pub(crate) fn now(&self) -> Duration {
        self.wheel.now()
    }

    /// Says whether a ping is to be sent now.
    pub(crate) fn take_ping(&self, now: Duration) -> bool {
        let received = self.received();
        let mut state = self.lock();
        state
            .timers
            .as_mut()
            .is_some_and(|timers| timers.take_ping(received, now))
    }

    /// Takes the message of a timer that is due at `now`, and sets a repeating one for its next period after that.
    ///
    /// # Errors
    /// When the `Clone` of a repeating timer's message panics.
    pub(crate) fn take_due(&self, now: Duration) -> Result<Option<Info<M>>, Panic> {
        let mut state = self.lock();
        if state.signals.moving.is_some() {
            // It moves with the connection.
            return Ok(None);
        }
        state.signals.timers = false;
        let Some(Entry { id, due, what }) = state.timers.as_mut().and_then(|timers| timers.take_due(now)) else {
            return Ok(None);
        };
        drop(state);
        let (period, message, clone) = match what {
            Due::Once(message) => return Ok(Some(Info::Message(message))),
            Due::Every(period, message, clone) => (period, message, clone),
        };
        let copy = caught_now(|| clone(&message))?;
        // Periods that were missed are not made up for.
        let missed = now.saturating_sub(due).as_nanos() / period.as_nanos();
        let due = due.saturating_add(period.saturating_mul(u32::try_from(missed + 1).unwrap_or(u32::MAX)));
        let what = Due::Every(period, message, clone);
        let entry = Entry { id, due, what };
        let mut state = self.lock();
        let cancelled = match &mut state.timers {
            Some(timers) => timers.put_back(entry),
            None => Some(entry),
        };
        drop(state);
        // Dropped here, where no lock is held: a message's destructor is the application's code.
        drop(cancelled);
        self.wheel.hurry(self);
        Ok(Some(Info::Message(copy)))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl<M> State<M> {
    /// When the wheel is to come: at the end of the idle timeout, or for the earliest timer or ping.
    fn next_due(&self, received: Duration) -> Duration {
        let idle = self.idle_at(received);
        let timers = self.timers.as_ref().and_then(|timers| timers.next_due(received));
        timers.map_or(idle, |due| due.min(idle))
    }

    /// When nothing will have been received for too long.
    fn idle_at(&self, received: Duration) -> Duration {
        received.saturating_add(Duration::from_millis(self.idle_timeout))
    }
}

impl Signals {
    fn any(self) -> bool {
        self.overflowed || self.draining || self.moving.is_some() || self.forwards || self.is_visited()
    }

    /// Whether the wheel has come, and the connection has not heard of it yet.
    fn is_visited(self) -> bool {
        self.idle || self.timers
    }
}

/// Wakes the connection if it waits, when the lock is released.
fn wake<M>(mut state: MutexGuard<'_, State<M>>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Wakes it for mail, which it does not wait for while its peer does not read, unless it overflows.
fn wake_for_mail<M>(state: MutexGuard<'_, State<M>>) {
    if !state.is_writing || state.signals.overflowed {
        wake(state);
    }
}

impl<M> fmt::Debug for NotSent<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NotSent(..)")
    }
}

impl<M> fmt::Display for NotSent<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not sent: the connection has ended, or its mailbox is full")
    }
}

impl<M> std::error::Error for NotSent<M> {}

mod moving;
mod reached;
#[cfg(test)]
mod tests;
