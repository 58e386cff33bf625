//! A mailbox emptied, and filled again: here, or in the process that its connection has moved to.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::timers::Entry;
use super::{Bounds, Mail, Mailbox, State, millis};
use crate::moving::Mover;
use crate::wheel::Timed;

/// What waits in a mailbox.
pub(crate) struct Load<M> {
    pub(in crate::websocket) mail: VecDeque<Mail<M>>,
    pub(in crate::websocket) timers: Vec<Entry<M>>,
}

fn take_everything<M>(state: &mut State<M>) -> Load<M> {
    let timers = state.timers.as_mut().map(|timers| timers.take_all());
    Load {
        mail: state.queue.take_all(),
        timers: timers.unwrap_or_default(),
    }
}

impl<M: Send + 'static> Mailbox<M> {
    /// Takes what waits, for who moves the connection now; nothing where it was asked by an attempt that is over. Until it is
    /// put back no message of the handler's own is taken: its sender keeps it.
    pub(crate) fn unload(&self) -> Option<(Mover, Load<M>)> {
        let mut state = self.lock();
        // Under the lock, or a new attempt could ask meanwhile, and not be answered.
        let asked = state.signals.moving.take();
        let mover = self.wheel.mover().filter(|mover| Some(mover.attempt()) == asked)?;
        state.signals.leaving = true;
        Some((mover, take_everything(&mut state)))
    }

    /// Takes what waits.
    #[cfg(test)]
    pub(in crate::websocket) fn take_everything(&self) -> Load<M> {
        take_everything(&mut self.lock())
    }

    /// Puts back what was taken, before what has come since.
    pub(crate) fn reload(&self, load: Load<M>) {
        let mut state = self.lock();
        state.signals.leaving = false;
        state.queue.put_back(load.mail);
        if !load.timers.is_empty() {
            state.timers.get_or_insert_default().put_all_back(load.timers);
        }
        drop(state);
        self.wheel.hurry(self);
    }

    /// What it keeps to.
    pub(crate) fn bounds(&self) -> Bounds {
        let state = self.lock();
        Bounds {
            idle_timeout: Duration::from_millis(state.idle_timeout),
            ping_interval: state.timers.as_ref().and_then(|timers| timers.ping_interval()),
            max_queue_size: state.queue.max_bytes(),
            overflow: state.queue.overflow(),
        }
    }

    /// Whether the handler wants to know of gaps.
    pub(crate) fn takes_gaps(&self) -> bool {
        self.lock().queue.takes_gaps()
    }

    /// For how long nothing was received.
    pub(crate) fn silent_for(&self) -> Duration {
        let received = Duration::from_millis(self.last_received.load(Ordering::Relaxed));
        self.wheel.now().saturating_sub(received)
    }

    /// As [`begin`](Self::begin), for a connection of which nothing was received for so long.
    pub(crate) fn begin_again(self: &Arc<Self>, silent_for: Duration) {
        let received = self.wheel.now().saturating_sub(silent_for);
        self.last_received.store(millis(received), Ordering::Relaxed);
        self.wheel.enter(&(Arc::clone(self) as Arc<dyn Timed>));
    }

    /// How long a timer has to wait still, and the time of one that has to wait so long.
    pub(crate) fn due_in(&self, due: Duration) -> Duration {
        due.saturating_sub(self.wheel.exactly_now())
    }

    pub(crate) fn due_after(&self, delay: Duration) -> Duration {
        self.wheel.exactly_now().saturating_add(delay)
    }
}
