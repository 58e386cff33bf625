//! A channel: its members, and what is on its way to them.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slab::Slab;

#[cfg(feature = "nats")]
use super::Gap;
use super::member::Deliver;
use super::{Message, Number};
use crate::wire::Text;

/// So many members are told by who broadcasts, before the broadcast returns; more, and those whose frames are written for
/// them, by a task.
pub(super) const AT_ONCE: usize = 256;
/// How many messages, and how many bytes of them, wait for that task. When there are more, it is overloaded, and a message
/// is refused.
const PENDING: usize = 4096;
const PENDING_BYTES: usize = 4 * 1024 * 1024;

pub(super) struct Channel {
    name: Text,
    state: Mutex<State>,
}

/// Guarded for some moves of memory, and never while anything is waited for or written.
#[derive(Default)]
pub(super) struct State {
    /// Those that are told, and those to whose clients frames go directly.
    pub(super) told: Members,
    pub(super) forwarded: Members,
    /// How many messages have been sent.
    sent: u64,
    /// On their way by the task, and their bytes.
    pub(super) pending: VecDeque<Pending>,
    pub(super) pending_bytes: usize,
    /// Whether there is a task for what is pending.
    pub(super) has_task: bool,
    /// Whether the task has messages for those that are told: then later ones go the same way, behind them.
    pub(super) task_tells: bool,
    pub(super) flow: Flow,
    /// How many messages had been sent when it was held: those after them wait.
    held_since: u64,
    /// Nobody is in it any more, and it is in the table no more.
    gone: bool,
}

/// Where messages go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Flow {
    /// To the members.
    #[default]
    Open,
    /// Nowhere yet: the members are about to move to another process, or to come from one.
    Held,
    /// To the members, and to the process that others have moved to.
    Both,
}

/// A member keeps its place while others come and go: who goes through them can stop and go on.
#[derive(Default)]
pub(super) struct Members(Slab<Member>);

#[derive(Clone)]
pub(super) struct Member {
    pub(super) id: Number,
    pub(super) queue: Arc<dyn Deliver>,
    /// How many messages had been sent when it joined: those are not for it.
    pub(super) since: u64,
}

/// A message on its way by the task.
#[derive(Clone)]
pub(super) struct Pending {
    pub(super) message: Arc<Message>,
    /// Which of the channel's messages it is.
    pub(super) number: u64,
    /// The member that is left out.
    pub(super) except: Option<Number>,
    /// Whether those that are told are still to be told.
    pub(super) tell: bool,
}

/// Where a member is among a channel's members.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seat {
    Told(usize),
    Forwarded(usize),
}

/// What became of a message.
#[derive(Default)]
pub(super) struct Sent {
    /// How many members have it, or will.
    pub(super) to: usize,
    /// How many will not.
    pub(super) missed: usize,
    /// Whether a task is to be started for what is pending.
    pub(super) needs_task: bool,
    /// The message, where it is for members in another process too.
    pub(super) beyond: Option<Arc<Message>>,
}

impl Pending {
    pub(super) fn is_for(&self, member: &Member) -> bool {
        self.number > member.since && self.except != Some(member.id)
    }
}

impl Channel {
    pub(super) fn new(name: Text, flow: Flow) -> Self {
        let state = State {
            flow,
            ..State::default()
        };
        Self {
            name,
            state: Mutex::new(state),
        }
    }

    pub(super) fn name(&self) -> &Text {
        &self.name
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a member in, unless the channel is gone.
    pub(super) fn add(&self, id: Number, queue: Arc<dyn Deliver>, forwarded: bool) -> Option<Seat> {
        let mut state = self.lock();
        if state.gone {
            return None;
        }
        // What is held is for all who are here when it is let go.
        let since = match state.flow {
            Flow::Held => state.held_since,
            Flow::Open | Flow::Both => state.sent,
        };
        let member = Member { id, queue, since };
        Some(if forwarded {
            Seat::Forwarded(state.forwarded.insert(member))
        } else {
            Seat::Told(state.told.insert(member))
        })
    }

    /// Says whether that was the last member.
    pub(super) fn remove(&self, seat: Seat) -> bool {
        let mut state = self.lock();
        let member = match seat {
            Seat::Told(at) => state.told.remove(at),
            Seat::Forwarded(at) => state.forwarded.remove(at),
        };
        let is_empty = state.len() == 0;
        drop(state);
        // Where it is the last of a connection, what is in its queue is dropped with it.
        drop(member);
        is_empty
    }

    /// Ends it if nobody is in it: then nobody will be. Says whether this has ended it.
    pub(super) fn end(&self) -> bool {
        let mut state = self.lock();
        let ends = !state.gone && state.len() == 0;
        state.gone |= ends;
        ends
    }

    /// Sends a message to all members but one. Where there is no task to leave it to, the caller does what the task would.
    pub(super) fn send(&self, message: Message, except: Option<Number>, can_start: fn() -> bool) -> Sent {
        let message = Arc::new(message);
        let mut state = self.lock();
        state.sent += 1;
        let (mut to, mut missed) = (0, 0);
        let is_held = state.flow == Flow::Held;
        let beyond = (state.flow == Flow::Both).then(|| Arc::clone(&message));
        let tell_now = !state.task_tells && !is_held && (state.told.len() <= AT_ONCE || !can_start());
        if tell_now {
            for member in state.told.iter().filter(|member| Some(member.id) != except) {
                let has_it = member.queue.deliver(&message);
                to += usize::from(has_it);
                missed += usize::from(!has_it);
            }
        }
        let tell = is_held || !tell_now && state.told.len() > 0;
        if !tell && state.forwarded.len() == 0 {
            return Sent {
                to,
                missed,
                needs_task: false,
                beyond,
            };
        }
        let told = if tell { state.told.count(except) } else { 0 };
        let later = told + state.forwarded.count(except);
        let size = message.payload.len();
        let is_full =
            state.pending.len() >= PENDING || (state.pending_bytes + size > PENDING_BYTES && !state.pending.is_empty());
        if is_full {
            return Sent {
                to,
                missed: missed + later,
                needs_task: false,
                beyond,
            };
        }
        let number = state.sent;
        state.pending.push_back(Pending {
            message,
            number,
            except,
            tell,
        });
        state.pending_bytes += size;
        state.task_tells |= tell;
        let needs_task = !state.has_task && !is_held;
        state.has_task |= needs_task;
        Sent {
            to: to + later,
            missed,
            needs_task,
            beyond,
        }
    }

    /// From now on messages wait. What was sent before goes on to its members: says whether a task is about that.
    pub(super) fn hold(&self) -> bool {
        let mut state = self.lock();
        state.flow = Flow::Held;
        state.held_since = state.sent;
        state.has_task
    }

    /// Lets messages go, those that have waited first, and where others have members too, tells `beyond` of these. Says
    /// whether a task is to be started for them.
    pub(super) fn release(&self, flow: Flow, mut beyond: impl FnMut(&Pending)) -> bool {
        let mut state = self.lock();
        let waiting = state.pending.iter().filter(|pending| pending.number > state.held_since);
        // Under the lock, so that none overtakes them.
        waiting.for_each(&mut beyond);
        state.flow = flow;
        let needs_task = !state.has_task && !state.pending.is_empty();
        state.has_task |= needs_task;
        needs_task
    }

    pub(super) fn has_task(&self) -> bool {
        self.lock().has_task
    }
}

impl Channel {
    /// Tells all members that messages of another node did not come. Not later than what came after those; what is still on
    /// its way to many members, of what came before, may be later.
    #[cfg(feature = "nats")]
    pub(super) fn report(&self, gap: &Arc<Gap>) {
        let mut members = Vec::new();
        for forwarded in [false, true] {
            let mut at = 0;
            loop {
                let state = self.lock();
                let all = if forwarded { &state.forwarded } else { &state.told };
                let Some(end) = all.some(at..at + AT_ONCE, &mut members) else {
                    break;
                };
                drop(state);
                at = end;
                for member in members.drain(..) {
                    member.queue.report(gap);
                }
            }
        }
    }
}

impl State {
    pub(super) fn len(&self) -> usize {
        self.told.len() + self.forwarded.len()
    }

    /// The task for what is pending ends: nothing is, but what is held.
    pub(super) fn end_task(&mut self) {
        self.has_task = false;
        if self.pending.is_empty() {
            self.pending = VecDeque::new();
            self.task_tells = false;
        }
    }

    /// What is to go next.
    pub(super) fn next_pending(&self) -> Option<&Pending> {
        let next = self.pending.front()?;
        let is_held = self.flow == Flow::Held && next.number > self.held_since;
        (!is_held).then_some(next)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = Number> {
        self.told.iter().chain(self.forwarded.iter()).map(|member| member.id)
    }
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.0.iter().map(|(_, member)| member)
    }

    /// Adds those in some places to `members`, and says where those end; `None` when there are no more places.
    pub(super) fn some(&self, places: Range<usize>, members: &mut Vec<Member>) -> Option<usize> {
        let end = places.end.min(self.0.capacity());
        (places.start < end).then(|| {
            members.extend((places.start..end).filter_map(|at| self.0.get(at).cloned()));
            end
        })
    }

    fn insert(&mut self, member: Member) -> usize {
        if self.0.len() == self.0.capacity() {
            // Most channels are small, and in none half of the room is empty.
            self.0.reserve_exact((self.0.len() / 4).max(1));
        }
        self.0.insert(member)
    }

    fn remove(&mut self, at: usize) -> Option<Member> {
        let member = self.0.try_remove(at);
        let len = self.0.len();
        if len.is_power_of_two() && len < self.0.capacity() / 4 {
            self.0.shrink_to_fit();
        }
        member
    }

    /// How many there are, without one of them.
    fn count(&self, except: Option<Number>) -> usize {
        match except {
            None => self.len(),
            Some(except) => self.iter().filter(|member| member.id != except).count(),
        }
    }
}

#[cfg(test)]
mod tests;
