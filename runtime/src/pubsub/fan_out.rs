//! What a channel has on its way, taken to its members: by a task that goes through them in parts, and ends when nothing is
//! left.
//!
//! Messages that wait meanwhile are taken together: to a member they are one write.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::task::yield_now;

use super::Message;
use super::channel::{Channel, Member, Pending};
use crate::wire::{self, Frame};

/// So many members have their messages before others have a turn on the worker, or fewer when so many bytes are written.
const PART: usize = 128;
const PART_BYTES: usize = 1024 * 1024;
/// So many bytes are one write, unless one message is larger.
const BATCH_BYTES: usize = 64 * 1024;
/// So many messages are taken together: fewer than a mailbox holds, so that its connection can keep up with many that have
/// waited.
const BATCH: usize = 256;

/// Messages in their order, with the frames of all of them.
struct Batch {
    pending: Vec<Pending>,
    messages: Vec<Arc<Message>>,
    frames: Bytes,
}

/// A channel whose task runs. Should it be dropped before its end, as with a runtime that is, the next broadcast starts
/// another, which goes on with what is pending: what was taken is lost to those who had not got it.
struct Running(Option<Arc<Channel>>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(channel) = &self.0 {
            channel.lock().has_task = false;
        }
    }
}

/// Starts the task for a channel, where there is a runtime to start it on.
pub(super) fn start(channel: Arc<Channel>) {
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(run(Running(Some(channel))));
    } else {
        run_now(Running(Some(channel)));
    }
}

pub(super) fn can_start() -> bool {
    Handle::try_current().is_ok()
}

async fn run(mut running: Running) {
    let mut part = Vec::new();
    // How many places have been gone through in this turn of the worker.
    let mut gone = 0;
    while let Some((channel, batch)) = running.next() {
        let places = batch.places_in_a_part();
        for kind in KINDS {
            let mut at = 0;
            while let Some(end) = some(channel, kind, at..at + places, &mut part) {
                batch.take_to(kind, &mut part);
                gone += end - at;
                at = end;
                if gone >= places {
                    gone = 0;
                    yield_now().await;
                }
            }
        }
        if batch.pending.len() == BATCH {
            gone = 0;
            yield_now().await;
        }
    }
}

/// The same without a runtime, and so without others to wait for their turn.
fn run_now(mut running: Running) {
    let mut part = Vec::new();
    while let Some((channel, batch)) = running.next() {
        for kind in KINDS {
            let mut at = 0;
            while let Some(end) = some(channel, kind, at..at + PART, &mut part) {
                batch.take_to(kind, &mut part);
                at = end;
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Forwarded,
    Told,
}

const KINDS: [Kind; 2] = [Kind::Forwarded, Kind::Told];

impl Running {
    /// What is to be taken next; when that is nothing, the task has ended.
    fn next(&mut self) -> Option<(&Channel, Batch)> {
        let mut state = self.0.as_ref()?.lock();
        let mut size = 0;
        let mut pending = Vec::new();
        while let Some(first) = state.next_pending() {
            let bytes = first.message.payload.len();
            if pending.len() == BATCH || size + bytes > BATCH_BYTES && !pending.is_empty() {
                break;
            }
            size += bytes;
            pending.extend(state.pending.pop_front());
        }
        state.pending_bytes -= size;
        if pending.is_empty() {
            state.end_task();
            drop(state);
            // From now on there may be another task.
            self.0 = None;
            return None;
        }
        drop(state);
        let messages = pending.iter().map(|pending| Arc::clone(&pending.message)).collect();
        let frames = frames(&pending);
        let batch = Batch {
            pending,
            messages,
            frames,
        };
        Some((self.0.as_deref()?, batch))
    }
}

/// Takes the members in some places, and says where those end; `None` when there are no more places.
fn some(channel: &Channel, kind: Kind, places: Range<usize>, members: &mut Vec<Member>) -> Option<usize> {
    let state = channel.lock();
    match kind {
        Kind::Forwarded => state.forwarded.some(places, members),
        Kind::Told => state.told.some(places, members),
    }
}

fn frames<'a>(pending: impl IntoIterator<Item = &'a Pending>) -> Bytes {
    let mut frames = Vec::new();
    for pending in pending {
        // Text and bytes are legal whatever they are.
        let _ = wire::encode(&Frame::from(pending.message.payload.clone()), &mut frames);
    }
    frames.into()
}

impl Batch {
    fn places_in_a_part(&self) -> usize {
        (PART_BYTES / self.frames.len().max(1)).clamp(1, PART)
    }

    /// Takes the messages to some members, of whom nothing is kept.
    fn take_to(&self, kind: Kind, members: &mut Vec<Member>) {
        for member in members.drain(..) {
            match kind {
                Kind::Forwarded => self.forward(&member),
                Kind::Told => self.tell(&member),
            }
        }
    }

    fn tell(&self, member: &Member) {
        for pending in self
            .pending
            .iter()
            .filter(|pending| pending.tell && pending.is_for(member))
        {
            member.queue.deliver(&pending.message);
        }
    }

    fn forward(&self, member: &Member) {
        if self.pending.iter().all(|pending| pending.is_for(member)) {
            member.queue.forward(&self.messages, &self.frames);
            return;
        }
        let some: Vec<_> = self.pending.iter().filter(|pending| pending.is_for(member)).collect();
        let messages: Vec<_> = some.iter().map(|pending| Arc::clone(&pending.message)).collect();
        if !messages.is_empty() {
            member.queue.forward(&messages, &frames(some));
        }
    }
}

#[cfg(test)]
mod tests;
