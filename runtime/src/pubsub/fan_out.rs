//! What a channel has on its way, taken to its members: by a task that goes through them in parts, and ends when nothing is
//! left.
//!
//! Messages that wait meanwhile are taken together: to a member they are one write.

use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::task::yield_now;

use super::Message;
use super::channel::{Channel, Member, Members, Pending, State};
use crate::wire::{self, Frame};

/// So many members have their messages before others have a turn on the worker.
const PART: usize = 128;
/// So many bytes are one write, unless one message is larger.
const BATCH_BYTES: usize = 64 * 1024;

/// Messages in their order, with the frames of all of them.
struct Batch {
    pending: Vec<Pending>,
    messages: Vec<Arc<Message>>,
    frames: Bytes,
}

/// Starts the task for a channel, where there is a runtime to start it on.
pub(super) fn start(channel: Arc<Channel>) {
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(run(channel));
    } else {
        run_now(&channel);
    }
}

pub(super) fn can_start() -> bool {
    Handle::try_current().is_ok()
}

async fn run(channel: Arc<Channel>) {
    while let Some(batch) = next(&channel) {
        for kind in KINDS {
            let mut at = 0;
            while let Some(part) = part(&channel, kind, &mut at) {
                batch.take_to(kind, &part);
                yield_now().await;
            }
        }
    }
}

/// The same without a runtime, and so without others to wait for their turn.
fn run_now(channel: &Channel) {
    while let Some(batch) = next(channel) {
        for kind in KINDS {
            let mut at = 0;
            while let Some(part) = part(channel, kind, &mut at) {
                batch.take_to(kind, &part);
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

/// What is to be taken next; when that is nothing, the task has ended.
fn next(channel: &Channel) -> Option<Batch> {
    let mut state = channel.lock();
    let mut size = 0;
    let mut pending = Vec::new();
    while let Some(first) = state.pending.front() {
        let bytes = first.message.payload.len();
        if size + bytes > BATCH_BYTES && !pending.is_empty() {
            break;
        }
        size += bytes;
        pending.extend(state.pending.pop_front());
    }
    state.pending_bytes -= size;
    if pending.is_empty() {
        end(&mut state);
        return None;
    }
    drop(state);
    let messages = pending.iter().map(|pending| Arc::clone(&pending.message)).collect();
    let frames = frames(&pending);
    Some(Batch {
        pending,
        messages,
        frames,
    })
}

fn end(state: &mut State) {
    state.pending = std::collections::VecDeque::new();
    state.has_task = false;
    state.task_tells = false;
}

/// Some members, from a place on.
fn part(channel: &Channel, kind: Kind, at: &mut usize) -> Option<Vec<Member>> {
    let state = channel.lock();
    let members: &Members = match kind {
        Kind::Forwarded => &state.forwarded,
        Kind::Told => &state.told,
    };
    let (part, end) = members.some(*at, PART)?;
    *at = end;
    Some(part)
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
    fn take_to(&self, kind: Kind, members: &[Member]) {
        for member in members {
            match kind {
                Kind::Forwarded => self.forward(member),
                Kind::Told => self.tell(member),
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
