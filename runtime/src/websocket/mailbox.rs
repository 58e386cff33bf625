//! A connection's mailbox: what other tasks, timers and the server have for it.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::Info;
use super::init::Overflow;
use crate::pubsub::{Deliver, Message};
use crate::wheel::{Place, Tick, Timed, Wheel};

/// How many messages wait for a connection, and how many bytes of broadcasts. What does not fit is refused: with a
/// broadcast the connection's [`Overflow`] policy decides, a message of the handler's own is given back to its sender.
const CAPACITY: usize = 1024;
const CAPACITY_BYTES: usize = 1024 * 1024;

/// The mailbox, shared by the connection and all who send to it.
pub(crate) struct Mailbox<M> {
    wheel: Wheel,
    place: Place,
    /// When something was last received, in ticks: written at every read, so apart from the lock.
    last_received: AtomicU32,
    /// Held for some moves of memory, and never while anything is waited for. Of the application's code, only the `Clone`
    /// of a repeating timer's message runs under it.
    state: Mutex<State<M>>,
}

struct State<M> {
    queue: VecDeque<Mail<M>>,
    /// The bytes of the broadcasts in the queue.
    bytes: usize,
    /// The connection's task, while it waits.
    waker: Option<Waker>,
    overflow: Overflow,
    idle_timeout: Duration,
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
    /// The connection has ended: nothing is taken any more.
    ended: bool,
}

enum Mail<M> {
    /// Shared by all members until it is received.
    Broadcast(Arc<Message>),
    Message(M),
}

struct Timers<M> {
    last_id: u64,
    set: Vec<Entry<M>>,
}

struct Entry<M> {
    id: u64,
    due: Tick,
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
            last_received: AtomicU32::new(wheel.now().as_u32()),
            state: Mutex::new(State {
                queue: VecDeque::new(),
                bytes: 0,
                waker: None,
                overflow: Overflow::Close,
                idle_timeout: Duration::MAX,
                signals: Signals::default(),
                timers: None,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection begins: from now on it is in the wheel.
    pub(crate) fn begin(self: &Arc<Self>, idle_timeout: Duration, overflow: Overflow) {
        let mut state = self.lock();
        state.idle_timeout = idle_timeout;
        state.overflow = overflow;
        self.received_now();
        let due = state.next_due(self.received());
        drop(state);
        self.wheel.enter(Arc::clone(self) as Arc<dyn Timed>, due);
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
        );
        drop(state);
        // Dropped here, where no lock is held: a message's destructor is the application's code.
        drop(mail);
    }

    /// Something was received.
    pub(crate) fn received_now(&self) {
        self.last_received.store(self.wheel.now().as_u32(), Ordering::Relaxed);
    }

    fn received(&self) -> Tick {
        Tick::from_u32(self.last_received.load(Ordering::Relaxed))
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

    /// Waits for the mailbox to overflow. Cancel safe.
    pub(crate) async fn overflow(&self) {
        poll_fn(|context| {
            let mut state = self.lock();
            if state.signals.overflowed {
                return Poll::Ready(());
            }
            state.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// What waits now.
    pub(crate) fn try_next(&self) -> Option<Info<M>> {
        let mut state = self.lock();
        let mail = state.queue.pop_front()?;
        if let Mail::Broadcast(message) = &mail {
            state.bytes -= message.payload.len();
        }
        if state.queue.is_empty() {
            // An idle connection keeps no queue.
            state.queue = VecDeque::new();
        }
        drop(state);
        Some(mail.into())
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
        self.set(period, Due::Every(period, message, M::clone))
    }

    fn set(self: &Arc<Self>, delay: Duration, what: Due<M>) -> Timer {
        let due = self.wheel.after(delay);
        let mut state = self.lock();
        if state.signals.ended {
            return Timer(Arc::clone(self) as Arc<dyn Cancel>, 0);
        }
        let timers = state.timers.get_or_insert_with(|| {
            Box::new(Timers {
                last_id: 0,
                set: Vec::new(),
            })
        });
        timers.last_id += 1;
        let id = timers.last_id;
        timers.set.push(Entry { id, due, what });
        drop(state);
        self.wheel.move_to(&**self, due);
        Timer(Arc::clone(self) as Arc<dyn Cancel>, id)
    }

    /// Takes the message of a timer that is due, and sets a repeating one again.
    pub(crate) fn take_due(&self) -> Option<Info<M>> {
        let now = self.wheel.now();
        let mut state = self.lock();
        state.signals.timers = false;
        let timers = state.timers.as_mut()?;
        let earliest = (0..timers.set.len()).min_by_key(|&index| timers.set[index].due)?;
        let entry = &mut timers.set[earliest];
        if entry.due > now {
            let next = entry.due;
            drop(state);
            // The wheel visits for the earliest thing only.
            self.wheel.move_to(self, next);
            return None;
        }
        if let Due::Every(period, message, clone) = &entry.what {
            let message = clone(message);
            // Periods that were missed are not made up for.
            let next = entry.due.plus(*period);
            entry.due = if next > now { next } else { now.plus(*period) };
            return Some(Info::Message(message));
        }
        let due = timers.set.swap_remove(earliest);
        if timers.set.is_empty() {
            state.timers = None;
        }
        match due.what {
            Due::Once(message) => Some(Info::Message(message)),
            Due::Every(..) => None,
        }
    }
}

impl<M> State<M> {
    /// When the wheel is to come: at the end of the idle timeout, or for the earliest timer.
    fn next_due(&self, received: Tick) -> Tick {
        let idle = received.plus(self.idle_timeout);
        let timers = self
            .timers
            .as_ref()
            .and_then(|timers| timers.set.iter().map(|entry| entry.due).min());
        timers.map_or(idle, |due| due.min(idle))
    }

    /// Makes room for a broadcast, or says that there is none.
    fn make_room(&mut self, bytes: usize) -> bool {
        let is_full =
            |state: &Self| state.queue.len() >= CAPACITY || state.bytes.saturating_add(bytes) > CAPACITY_BYTES;
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
                    let oldest = self.queue.iter().position(|mail| matches!(mail, Mail::Broadcast(_)));
                    match oldest.and_then(|index| self.queue.remove(index)) {
                        Some(Mail::Broadcast(message)) => self.bytes -= message.payload.len(),
                        _ => return false,
                    }
                }
                true
            }
        }
    }
}

impl Signals {
    fn any(self) -> bool {
        self.overflowed || self.idle || self.draining || self.timers
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

    fn visit(&self, now: Tick) -> Option<Tick> {
        let received = self.received();
        let mut state = self.lock();
        if state.signals.ended {
            return None;
        }
        let idle = received.plus(state.idle_timeout) <= now;
        let due = state.next_due(received);
        if due > now {
            return Some(due);
        }
        state.signals.idle |= idle;
        state.signals.timers |= !idle;
        wake(state);
        // It has something to do; should it not have been heard, as by a callback that takes long, it is asked again.
        Some(now.plus(Duration::from_secs(1)))
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
        if state.signals.ended {
            return false;
        }
        let bytes = message.payload.len();
        let has_room = state.make_room(bytes);
        if has_room {
            state.bytes += bytes;
            state.queue.push_back(Mail::Broadcast(Arc::clone(message)));
        }
        wake(state);
        has_room
    }
}

impl<M> From<Mail<M>> for Info<M> {
    fn from(mail: Mail<M>) -> Self {
        match mail {
            Mail::Broadcast(message) => Self::Broadcast(Arc::unwrap_or_clone(message)),
            Mail::Message(message) => Self::Message(message),
        }
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
        timers.set.len() < before
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
