//! A connection's mailbox: what other tasks and timers send to it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::Info;
use crate::pubsub::{Deliver, Message};

/// How many messages wait for a connection. What does not fit is refused: a broadcast that is refused ends the
/// connection as slow, a message of the handler's own is given back to its sender.
const CAPACITY: usize = 1024;

/// The sending side, shared by all who send.
pub(crate) struct Mailbox<M> {
    mail: mpsc::Sender<Mail<M>>,
    timers: Mutex<Timers<M>>,
    /// Wakes the connection for what is not in the queue: a timer that was set, an overflow.
    attention: Notify,
    overflowed: AtomicBool,
}

/// The receiving side.
pub(crate) struct Inbox<M> {
    mailbox: Arc<Mailbox<M>>,
    mail: mpsc::Receiver<Mail<M>>,
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
    due: Instant,
    what: Due<M>,
}

enum Due<M> {
    Once(M),
    Every(Duration, Box<dyn FnMut() -> M + Send>),
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

/// What an inbox has.
pub(crate) enum Arrival<M> {
    Info(Info<M>),
    /// The timers changed, or the mailbox overflowed.
    Attention,
}

impl<M: Send + 'static> Mailbox<M> {
    pub(crate) fn new() -> (Arc<Self>, Inbox<M>) {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        let mailbox = Arc::new(Self {
            mail: sender,
            timers: Mutex::new(Timers {
                last_id: 0,
                set: Vec::new(),
            }),
            attention: Notify::new(),
            overflowed: AtomicBool::new(false),
        });
        let inbox = Inbox {
            mailbox: Arc::clone(&mailbox),
            mail: receiver,
        };
        (mailbox, inbox)
    }

    pub(crate) fn send(&self, message: M) -> Result<(), NotSent<M>> {
        match self.mail.try_reserve() {
            Ok(place) => {
                place.send(Mail::Message(message));
                Ok(())
            }
            Err(_) => Err(NotSent(message)),
        }
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
        self.set(period, Due::Every(period, Box::new(move || message.clone())))
    }

    fn set(self: &Arc<Self>, delay: Duration, what: Due<M>) -> Timer {
        let mut timers = self.timers.lock().unwrap_or_else(PoisonError::into_inner);
        timers.last_id += 1;
        let id = timers.last_id;
        let due = Instant::now() + delay;
        timers.set.push(Entry { id, due, what });
        drop(timers);
        self.attention.notify_one();
        Timer(Arc::clone(self) as Arc<dyn Cancel>, id)
    }
}

impl<M: Send + 'static> Inbox<M> {
    /// Waits for the next message. Cancel safe.
    pub(crate) async fn next(&mut self) -> Arrival<M> {
        tokio::select! {
            () = self.mailbox.attention.notified() => Arrival::Attention,
            Some(mail) = self.mail.recv() => Arrival::Info(mail.into()),
        }
    }

    /// What waits now.
    pub(crate) fn try_next(&mut self) -> Option<Info<M>> {
        self.mail.try_recv().ok().map(Info::from)
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.mail.len()
    }

    /// Whether a broadcast did not fit.
    pub(crate) fn has_overflowed(&self) -> bool {
        self.mailbox.overflowed.load(Ordering::Relaxed)
    }

    /// Waits for the mailbox to overflow. Cancel safe.
    pub(crate) async fn overflow(&self) {
        while !self.has_overflowed() {
            self.mailbox.attention.notified().await;
        }
    }

    /// When the next timer is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let timers = self.mailbox.timers.lock().unwrap_or_else(PoisonError::into_inner);
        timers.set.iter().map(|entry| entry.due).min()
    }

    /// Takes the message of a timer that is due, and sets a repeating one again.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Info<M>> {
        let mut timers = self.mailbox.timers.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = (0..timers.set.len()).min_by_key(|&index| timers.set[index].due)?;
        let entry = &mut timers.set[earliest];
        if entry.due > now {
            return None;
        }
        if let Due::Every(period, make) = &mut entry.what {
            let message = make();
            // Periods that were missed are not made up for.
            entry.due = (entry.due + *period).max(now);
            return Some(Info::Message(message));
        }
        match timers.set.swap_remove(earliest).what {
            Due::Once(message) => Some(Info::Message(message)),
            Due::Every(..) => None,
        }
    }
}

/// The connection has ended: its timers are cancelled, and nothing more is taken.
impl<M> Drop for Inbox<M> {
    fn drop(&mut self) {
        self.mail.close();
        self.mailbox
            .timers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .set
            .clear();
    }
}

impl<M: Send + 'static> Deliver for Mailbox<M> {
    fn deliver(&self, message: &Arc<Message>) -> bool {
        let delivered = self.mail.try_send(Mail::Broadcast(Arc::clone(message)));
        if matches!(delivered, Err(mpsc::error::TrySendError::Full(_))) {
            self.overflowed.store(true, Ordering::Relaxed);
            self.attention.notify_one();
        }
        delivered.is_ok()
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
        let mut timers = self.timers.lock().unwrap_or_else(PoisonError::into_inner);
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
