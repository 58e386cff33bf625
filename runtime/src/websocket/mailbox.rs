//! A connection's mailbox: what other tasks, timers and the server have for it.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;

use super::Info;
use super::init::Overflow;
use crate::pubsub::{Deliver, Message};
use crate::unwind::{Panic, caught_now};
use crate::wheel::{Place, Timed, Wheel};

/// How many messages wait for a connection, and how many bytes of broadcasts there may be before one more. What does not
/// fit is refused: with a
/// broadcast the connection's [`Overflow`] policy decides, a message of the handler's own is given back to its sender.
const CAPACITY: usize = 1024;
const CAPACITY_BYTES: usize = 1024 * 1024;

/// The mailbox, shared by the connection and all who send to it.
pub(crate) struct Mailbox<M> {
    wheel: Wheel,
    place: Place,
    /// When something was last received, in milliseconds of the wheel: written at every read, so apart from the lock.
    last_received: AtomicU64,
    /// Held for some moves of memory or one write that does not wait, and never while anything is waited for or code of
    /// the application's runs.
    state: Mutex<State<M>>,
}

struct State<M> {
    queue: VecDeque<Mail<M>>,
    /// The bytes of the broadcasts in the queue.
    bytes: usize,
    /// The client's stream, where broadcasts go straight to it.
    direct: Option<Arc<TcpStream>>,
    /// Whether others may write to it now: not while the connection writes, nor while it has in hand what comes first.
    is_lent: bool,
    /// The connection's task, while it waits.
    waker: Option<Waker>,
    overflow: Overflow,
    /// In milliseconds, for a place less.
    idle_timeout: u64,
    signals: Signals,
    /// Only a handler that sets timers has them.
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
    /// A timer is due.
    pub(crate) timers: bool,
    /// The stream is to be given, for broadcasts that go straight to the client.
    pub(crate) forwards: bool,
    /// The connection has ended: nothing is taken any more.
    ended: bool,
}

pub(crate) enum Mail<M> {
    /// Shared by all members until it is received.
    Broadcast(Arc<Message>),
    Message(M),
    /// For the client, as it is.
    Forwarded(Arc<Message>),
    /// What the kernel did not take of frames that were on their way: it comes before anything else. Boxed: it is rare,
    /// and a queue has room for many.
    Rest(Box<Bytes>),
}

struct Timers<M> {
    last_id: u64,
    set: Vec<Entry<M>>,
    /// The repeating timer that is taken out while its message is made. One that is cancelled meanwhile is not put back.
    firing: Option<u64>,
}

struct Entry<M> {
    id: u64,
    /// In the wheel's time.
    due: Duration,
    what: Due<M>,
}

enum Due<M> {
    Once(M),
    Every(Duration, M, fn(&M) -> M),
}

/// A timer that was set, by which it can be cancelled. Dropping it does not cancel the timer.
#[derive(Clone)]
pub struct Timer(Arc<dyn Cancel>, u64);

trait Cancel: Send + Sync {
    fn cancel(&self, id: u64) -> bool;
}

/// A message that was not sent: the connection has ended, or its mailbox is full.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NotSent<M>(pub M);

impl<M: Send + 'static> Mailbox<M> {
    pub(crate) fn new(wheel: &Wheel) -> Self {
        Self {
            wheel: wheel.clone(),
            place: Place::nowhere(),
            last_received: AtomicU64::new(0),
            state: Mutex::new(State {
                queue: VecDeque::new(),
                bytes: 0,
                direct: None,
                is_lent: false,
                waker: None,
                overflow: Overflow::Close,
                idle_timeout: u64::MAX,
                signals: Signals::default(),
                timers: None,
            }),
        }
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
        let rest = state.queue.pop_front_if(|mail| matches!(mail, Mail::Rest(_)));
        let Some(Mail::Rest(rest)) = rest else {
            return None;
        };
        state.bytes -= rest.len();
        Some(*rest)
    }

    fn lock(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection begins: from now on it is in the wheel.
    pub(crate) fn begin(self: &Arc<Self>, idle_timeout: Duration, overflow: Overflow) {
        let mut state = self.lock();
        // Never early, so never rounded down.
        let idle_timeout = idle_timeout.as_nanos().div_ceil(1_000_000);
        state.idle_timeout = u64::try_from(idle_timeout).unwrap_or(u64::MAX);
        state.overflow = overflow;
        drop(state);
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
        let mut state = self.lock();
        state.signals.ended = true;
        let mail = (
            std::mem::take(&mut state.queue),
            state.timers.take(),
            state.waker.take(),
            state.direct.take(),
        );
        drop(state);
        // Dropped here, where no lock is held: a message's destructor is the application's code.
        drop(mail);
    }

    /// Something was received.
    pub(crate) fn received_now(&self) {
        // The clock is at most a tick ahead: an idle timeout is never early.
        let now = u64::try_from(self.wheel.now().as_millis()).unwrap_or(u64::MAX);
        self.last_received.store(now, Ordering::Relaxed);
    }

    /// The latest time at which the last byte can have come.
    fn received(&self) -> Duration {
        Duration::from_millis(self.last_received.load(Ordering::Relaxed)) + TICK
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
            if state.signals.overflowed || state.signals.draining {
                return Poll::Ready(state.signals);
            }
            state.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// What waits now. With what is for the client the stream is taken back: until the connection has written it, nobody
    /// else may write.
    pub(crate) fn try_next(&self) -> Option<Mail<M>> {
        let mut state = self.lock();
        let mail = state.queue.pop_front()?;
        state.bytes -= mail.size();
        if matches!(mail, Mail::Forwarded(_) | Mail::Rest(_)) {
            state.is_lent = false;
        }
        if state.queue.is_empty() {
            // An idle connection keeps no queue.
            state.queue = VecDeque::new();
        }
        drop(state);
        Some(mail)
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().queue.len()
    }

    pub(crate) fn send(&self, message: M) -> Result<(), NotSent<M>> {
        let mut state = self.lock();
        if state.signals.ended || state.queue.len() >= CAPACITY {
            return Err(NotSent(message));
        }
        state.queue.push_back(Mail::Message(message));
        wake(state);
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
        if state.signals.ended {
            return Timer(Arc::clone(self) as Arc<dyn Cancel>, 0);
        }
        let timers = state.timers.get_or_insert_with(|| {
            Box::new(Timers {
                last_id: 0,
                set: Vec::new(),
                firing: None,
            })
        });
        timers.last_id += 1;
        let id = timers.last_id;
        timers.set.push(Entry { id, due, what });
        drop(state);
        self.wheel.hurry(&**self);
        Timer(Arc::clone(self) as Arc<dyn Cancel>, id)
    }

    /// The time by which timers are due that are handled together.
    pub(crate) fn now(&self) -> Duration {
        self.wheel.now()
    }

    /// Takes the message of a timer that is due at `now`, and sets a repeating one for its next period after that.
    ///
    /// # Errors
    /// When the `Clone` of a repeating timer's message panics.
    pub(crate) fn take_due(&self, now: Duration) -> Result<Option<Info<M>>, Panic> {
        let mut state = self.lock();
        state.signals.timers = false;
        let Some(timers) = &mut state.timers else {
            return Ok(None);
        };
        let earliest = (0..timers.set.len()).min_by_key(|&index| timers.set[index].due);
        let Some(earliest) = earliest.filter(|&index| timers.set[index].due <= now) else {
            return Ok(None);
        };
        let Entry { id, due, what } = timers.set.swap_remove(earliest);
        let (period, message, clone) = match what {
            Due::Once(message) => return Ok(Some(Info::Message(message))),
            Due::Every(period, message, clone) => (period, message, clone),
        };
        timers.firing = Some(id);
        drop(state);
        let copy = caught_now(|| clone(&message))?;
        // Periods that were missed are not made up for.
        let missed = now.saturating_sub(due).as_nanos() / period.as_nanos();
        let due = due.saturating_add(period.saturating_mul(u32::try_from(missed + 1).unwrap_or(u32::MAX)));
        let mut state = self.lock();
        if let Some(timers) = &mut state.timers
            && timers.firing.take() == Some(id)
        {
            let what = Due::Every(period, message, clone);
            timers.set.push(Entry { id, due, what });
            drop(state);
            self.wheel.hurry(self);
        }
        Ok(Some(Info::Message(copy)))
    }
}

/// The longest time between two ticks of the wheel.
const TICK: Duration = Duration::from_millis(16);

impl<M> State<M> {
    /// The end of the idle timeout.
    fn idle_at(&self, received: Duration) -> Duration {
        received.saturating_add(Duration::from_millis(self.idle_timeout))
    }

    /// When the wheel is to come: at the end of the idle timeout, or for the earliest timer.
    fn next_due(&self, received: Duration) -> Duration {
        let idle = self.idle_at(received);
        let timers = self
            .timers
            .as_ref()
            .and_then(|timers| timers.set.iter().map(|entry| entry.due).min());
        timers.map_or(idle, |due| due.min(idle))
    }

    /// Makes room for a broadcast, or says that there is none.
    fn make_room(&mut self) -> bool {
        let is_full = |state: &Self| state.queue.len() >= CAPACITY || state.bytes >= CAPACITY_BYTES;
        if !is_full(self) || self.queue.is_empty() {
            return true;
        }
        match self.overflow {
            Overflow::Close => {
                self.signals.overflowed = true;
                false
            }
            Overflow::DropNewest => false,
            Overflow::DropOldest => {
                while is_full(self) {
                    let oldest = self.queue.iter().position(Mail::is_broadcast);
                    match oldest.and_then(|index| self.queue.remove(index)) {
                        Some(mail) => self.bytes -= mail.size(),
                        None => return false,
                    }
                }
                true
            }
        }
    }
}

impl Signals {
    fn any(self) -> bool {
        self.overflowed || self.idle || self.draining || self.timers || self.forwards
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

impl<M: Send + 'static> Timed for Mailbox<M> {
    fn place(&self) -> &Place {
        &self.place
    }

    fn due(&self) -> Option<Duration> {
        let received = self.received();
        let state = self.lock();
        // What has been signalled is not signalled again before it was heard.
        let heard = !(state.signals.idle || state.signals.timers);
        (heard && !state.signals.ended).then(|| state.next_due(received))
    }

    fn visit(&self, now: Duration) {
        let received = self.received();
        let mut state = self.lock();
        if state.next_due(received) <= now {
            let is_idle = state.idle_at(received) <= now;
            state.signals.idle |= is_idle;
            state.signals.timers |= !is_idle;
            wake(state);
        }
    }

    fn drain(&self) {
        let mut state = self.lock();
        state.signals.draining = true;
        wake(state);
    }
}

impl<M: Send + 'static> Deliver for Mailbox<M> {
    fn deliver(&self, message: &Arc<Message>) -> bool {
        let mut state = self.lock();
        let has_room = state.put(Mail::Broadcast(Arc::clone(message)));
        wake(state);
        has_room
    }

    fn forward(&self, messages: &[Arc<Message>], frames: &Bytes) {
        let mut state = self.lock();
        let written = state.write(frames);
        if written == frames.len() {
            return;
        }
        if written > 0 {
            state.put(Mail::Rest(Box::new(frames.slice(written..))));
        } else {
            for message in messages {
                state.put(Mail::Forwarded(Arc::clone(message)));
            }
        }
        wake(state);
    }
}

impl<M> State<M> {
    /// Writes to the client what its kernel takes now: nothing where something else is before it. An error is the
    /// connection's to find, when it writes what is left.
    fn write(&self, frames: &[u8]) -> usize {
        match &self.direct {
            Some(stream) if self.is_lent && self.queue.is_empty() => stream.try_write(frames).unwrap_or(0),
            _ => 0,
        }
    }

    /// Puts a broadcast into the queue, and says whether there is room for it. To one that has ended nothing is missed.
    fn put(&mut self, mail: Mail<M>) -> bool {
        if self.signals.ended || !self.make_room() {
            return false;
        }
        self.bytes += mail.size();
        self.queue.push_back(mail);
        true
    }
}

impl<M> Mail<M> {
    /// The bytes that count against the bound.
    fn size(&self) -> usize {
        match self {
            Self::Broadcast(message) | Self::Forwarded(message) => message.payload.len(),
            Self::Rest(bytes) => bytes.len(),
            Self::Message(_) => 0,
        }
    }

    fn is_broadcast(&self) -> bool {
        matches!(self, Self::Broadcast(_) | Self::Forwarded(_))
    }
}

impl Timer {
    /// Cancels the timer. Says whether it was still set: `false` when it has fired, unless it repeats.
    pub fn cancel(&self) -> bool {
        self.0.cancel(self.1)
    }
}

impl<M: Send + 'static> Cancel for Mailbox<M> {
    fn cancel(&self, id: u64) -> bool {
        let mut state = self.lock();
        let Some(timers) = &mut state.timers else {
            return false;
        };
        let before = timers.set.len();
        timers.set.retain(|entry| entry.id != id);
        let was_firing = timers.firing.take_if(|firing| *firing == id).is_some();
        was_firing || timers.set.len() < before
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timer").field(&self.1).finish()
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

#[cfg(test)]
mod tests;
