//! Who reaches a mailbox without knowing whose it is: the wheel, channels, and timers that are cancelled.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Mail, Mailbox, Overflow, State, wake, wake_for_mail};
use crate::moving::Mover;
use crate::pubsub::{Deliver, Gap, Message};
use crate::websocket::timers::Cancel;
use crate::wheel::{Place, Timed};

impl<M: Send + 'static> Timed for Mailbox<M> {
    fn place(&self) -> &Place {
        &self.place
    }

    fn due(&self) -> Option<Duration> {
        let received = self.received();
        let state = self.lock();
        // What has been signalled is not signalled again before it was heard. It stays in the wheel all the same, where the
        // end of the server finds it.
        let due = match state.signals.is_visited() {
            true => Duration::MAX,
            false => state.next_due(received),
        };
        (!state.signals.ended).then_some(due)
    }

    fn visit(&self, now: Duration) {
        let received = self.received();
        let mut state = self.lock();
        if !state.signals.is_visited() && state.next_due(received) <= now {
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

    fn move_out(&self, mover: &Mover) {
        let mut state = self.lock();
        let attempt = Some(mover.attempt());
        if state.signals.moving == attempt || state.signals.leaving || state.signals.ended {
            return;
        }
        mover.ask();
        state.signals.moving = attempt;
        wake(state);
    }
}

impl<M: Send + 'static> Deliver for Mailbox<M> {
    fn deliver(&self, message: &Arc<Message>) -> bool {
        let mut state = self.lock();
        let has_room = state.put(Mail::Broadcast(Arc::clone(message)));
        wake_for_mail(state);
        has_room
    }

    fn forward(&self, messages: &[Arc<Message>], frames: &Bytes) {
        let mut state = self.lock();
        let written = state.write(frames);
        if written > 0
            && let Some(watched) = &self.watched
        {
            watched.sent(messages.len(), frames.len());
        }
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
        wake_for_mail(state);
    }

    fn report(&self, gap: &Arc<Gap>) {
        let mut state = self.lock();
        if state.queue.takes_gaps() {
            state.put(Mail::Gap(Arc::clone(gap)));
            wake_for_mail(state);
        }
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

    /// Puts a broadcast into the queue, and says whether there was room for it.
    fn put(&mut self, mail: Mail<M>) -> bool {
        if self.signals.ended {
            return false;
        }
        let has_room = self.queue.push_broadcast(mail);
        self.signals.overflowed |= !has_room && self.queue.overflow() == Overflow::Close;
        has_room
    }
}

impl<M: Send + 'static> Cancel for Mailbox<M> {
    fn cancel(&self, id: u64) -> bool {
        let mut state = self.lock();
        let cancelled = state.timers.as_mut().map(|timers| timers.cancel(id));
        drop(state);
        // Its message is dropped here, where no lock is held.
        cancelled.is_some_and(|(was_set, _message)| was_set)
    }
}
