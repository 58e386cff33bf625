//! The node as its link sees it.

use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::nats::Nats;
use super::options::PubSubOptions;
use super::{Broadcasts, Gap, Inner, Message, Number, PubSub, SubscriberId, Table, Taps};
use crate::lot;
use crate::wire::Text;

/// The pub/sub on this node, which a link does not keep alive.
#[derive(Clone)]
pub(crate) struct Home(Weak<Inner>);

/// A pub/sub with a link that is not begun yet.
pub(super) fn linked(options: &PubSubOptions, root: &Path) -> PubSub {
    let node = draw();
    PubSub(Arc::new_cyclic(|home| Inner {
        last_number: 0.into(),
        channels: Table::default(),
        metrics: Broadcasts::default(),
        taps: Taps::default(),
        has_moved: false.into(),
        beyond: std::sync::Mutex::default(),
        node,
        adapter: Some(Box::new(Nats::new(node, options, root, Home(Weak::clone(home))))),
    }))
}

/// A number by lot. Not zero.
pub(super) fn draw() -> u64 {
    lot::draw().max(1)
}

/// A time by lot, from half of `time` up to all of it.
pub(super) fn spread(time: Duration) -> Duration {
    time / 2 + lot::within(time / 2)
}

impl Home {
    /// Delivers to the members on this node.
    pub(super) fn deliver(&self, message: Message) {
        if let Some(inner) = self.0.upgrade() {
            PubSub(inner).deliver_here(message, None, false);
        }
    }

    /// Tells the members on this node.
    pub(super) fn report(&self, gap: Gap) {
        let channel = self.0.upgrade().and_then(|inner| inner.channels.find(&gap.channel));
        if let Some(channel) = channel {
            channel.report(&Arc::new(gap));
        }
    }

    /// How many members a channel has on this node.
    pub(super) fn count(&self, channel: &str) -> usize {
        self.0.upgrade().map_or(0, |inner| PubSub(inner).local_count(channel))
    }

    /// Which members a channel has on this node.
    pub(super) fn members(&self, channel: &str) -> Vec<Number> {
        let channel = self.0.upgrade().and_then(|inner| inner.channels.find(channel));
        channel.map_or_else(Vec::new, |channel| channel.lock().ids().collect())
    }

    /// All channels that have members on this node.
    pub(super) fn channels(&self) -> Vec<Text> {
        self.0.upgrade().map_or_else(Vec::new, |inner| inner.channels.names())
    }
}

impl SubscriberId {
    pub(super) fn new(node: u64, number: Number) -> Self {
        Self { node, number }
    }

    pub(super) fn parts(self) -> (u64, Number) {
        (self.node, self.number)
    }
}
