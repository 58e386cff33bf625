//! Pub/sub while its members move to another process, and after.
//!
//! First every channel is held: what is broadcast waits. When what was sent before is with its members, these can be taken
//! as they are, and none of them has a message that another has not. Then either the channels are let go, and nothing was;
//! or the members are in the other process, and what has waited goes there, as does all that is broadcast here from then on.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::channel::Flow;
use super::{Message, Number, PubSub, fan_out};
use crate::wire::Text;

/// So many messages are on their way to the other process at most; one more misses its members there.
const ON_THE_WAY: usize = 65_536;
/// How often it is looked whether a channel has taken to its members what was sent before.
const LOOK: Duration = Duration::from_millis(1);
/// Numbers that are left to who is still to come in the old process.
const LEFT_OVER: u64 = 1 << 32;

/// A message for members in another process.
#[derive(Debug)]
pub(crate) struct Beyond {
    pub(crate) message: Arc<Message>,
    /// The member that is left out.
    pub(crate) except: Option<Number>,
}

impl PubSub {
    /// Holds what comes from other nodes.
    pub(crate) fn hold_link(&self) {
        if let Some(adapter) = &self.0.adapter {
            adapter.hold();
        }
    }

    /// The channels that other nodes are heard in, where there are any.
    pub(crate) fn channels_heard(&self) -> Vec<Text> {
        self.0
            .adapter
            .as_ref()
            .map_or_else(Vec::new, |adapter| adapter.channels())
    }

    /// Listens to other nodes in channels whose members are about to come.
    pub(crate) fn expect(&self, channels: Vec<Text>) {
        if let Some(adapter) = &self.0.adapter {
            adapter.expect(channels);
        }
    }

    /// How far the other nodes were heard.
    pub(crate) fn heard(&self) -> Option<String> {
        self.0.adapter.as_ref().map(|adapter| adapter.heard())
    }

    /// Waits until the other nodes know what this one listens to, or until that time: a node without a broker goes on
    /// without one.
    pub(crate) async fn settle(&self, deadline: Instant) {
        let is_settled = || self.link().is_none_or(|link| link.is_settled);
        while !is_settled() && Instant::now() < deadline {
            sleep(LOOK).await;
        }
    }

    /// Holds every channel, and waits until what was sent before is with its members. Says whether that was so in time.
    pub(crate) async fn hold(&self, deadline: Instant) -> bool {
        self.hold_link();
        let mut busy = self.0.channels.hold().await;
        loop {
            busy.retain(|channel| channel.has_task());
            if busy.is_empty() || Instant::now() >= deadline {
                return busy.is_empty();
            }
            sleep(LOOK).await;
        }
    }

    /// Lets every channel go: the members are here.
    pub(crate) async fn release(&self, heard: Option<&str>) {
        self.end_beyond();
        for channel in self.0.channels.release(Flow::Open, |_| {}).await {
            fan_out::start(channel);
        }
        self.release_link(heard);
    }

    fn release_link(&self, heard: Option<&str>) {
        if let Some(adapter) = &self.0.adapter {
            adapter.release(heard);
        }
    }

    /// The members are about to be in the other process: gives what has waited, and what is broadcast from now on. Members
    /// that are still here have it too.
    pub(crate) async fn release_beyond(&self) -> mpsc::Receiver<Beyond> {
        let (sender, receiver) = mpsc::channel(ON_THE_WAY);
        *self.beyond() = Some(sender.clone());
        self.0.has_moved.store(true, Ordering::SeqCst);
        let waiting = self.0.channels.release(Flow::Both, |pending| {
            let message = Arc::clone(&pending.message);
            let except = pending.except;
            if sender.try_send(Beyond { message, except }).is_err() {
                tracing::error!(
                    "a broadcast to {:?} misses the connections that have moved",
                    pending.message.channel
                );
            }
        });
        for channel in waiting.await {
            fan_out::start(channel);
        }
        // For members that are still here; the others hear of it where they are.
        self.release_link(None);
        receiver
    }

    /// Says whether it is on its way.
    pub(super) fn send_beyond(&self, message: Arc<Message>, except: Option<Number>) -> bool {
        let sender = self.beyond();
        sender
            .as_ref()
            .is_some_and(|sender| sender.try_send(Beyond { message, except }).is_ok())
    }

    /// Nothing goes to the other process any more: what was on its way is the last.
    pub(super) fn end_beyond(&self) {
        self.0.has_moved.store(false, Ordering::SeqCst);
        *self.beyond() = None;
    }

    fn beyond(&self) -> MutexGuard<'_, Option<mpsc::Sender<Beyond>>> {
        self.0.beyond.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Delivers what was broadcast in the process that members have come from.
    pub(crate) fn deliver_beyond(&self, Beyond { message, except }: Beyond) {
        self.deliver(Arc::unwrap_or_clone(message), except);
    }

    /// The number after which those of the other process begin.
    pub(crate) fn next_numbers(&self) -> u64 {
        self.0.last_number.load(Ordering::SeqCst) + LEFT_OVER
    }

    /// Numbers subscribers from there on.
    pub(crate) fn number_after(&self, number: u64) {
        self.0.last_number.fetch_max(number, Ordering::SeqCst);
    }
}
