//! What other nodes send while the members of this one move to another process, or come from one.
//!
//! The process that they come to listens to their channels first, and keeps what comes. The one that they leave keeps what
//! comes from a certain moment on, and says how far it had heard every node by then. When they are there, the new one goes on
//! from where the other had heard. So of all that a node sends each member has everything once, whichever process has heard it; and what neither has
//! heard is a gap like any other.

use std::collections::HashSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::shared::{Shared, lock};
use super::tracks::Tracks;
use crate::wire::Text;

/// The most that is kept. What is beyond is not heard, and found as a gap.
const KEPT: usize = 65_536;
const KEPT_BYTES: usize = 64 * 1024 * 1024;

#[derive(Default)]
pub(super) struct Held {
    /// What came, in order, while it is to be kept.
    kept: Option<Vec<(Text, Bytes)>>,
    bytes: usize,
    /// The node of the process that the members have come from: what that still sends comes from it directly.
    pub(super) ignored: Option<u64>,
    /// The channels whose members are about to come.
    expected: HashSet<Text>,
}

/// How far a node had heard the others.
#[derive(Serialize, Deserialize)]
struct Heard {
    node: u64,
    tracks: Vec<(Text, Tracks)>,
}

impl Held {
    /// Keeps it, if that is the time. Otherwise it is given back, to be delivered.
    pub(super) fn keep(&mut self, channel: &Text, bytes: Bytes) -> Option<Bytes> {
        let Some(kept) = &mut self.kept else {
            return Some(bytes);
        };
        if kept.len() < KEPT && self.bytes + bytes.len() <= KEPT_BYTES {
            self.bytes += bytes.len();
            kept.push((channel.clone(), bytes));
        }
        None
    }
}

impl Shared {
    pub(super) fn expect(&self, channels: Vec<Text>) {
        lock(&self.held).expected.extend(channels.iter().cloned());
        self.change_all(channels);
    }

    /// Whether a channel is to be listened to: it has members here, or will have.
    pub(super) fn wants(&self, channel: &Text) -> bool {
        self.home.count(channel) > 0 || lock(&self.held).expected.contains(channel)
    }

    pub(super) fn hold(&self) {
        lock(&self.held).kept.get_or_insert_default();
    }

    pub(super) fn heard(&self) -> String {
        let tracks = lock(&self.tracks);
        let tracks = tracks.iter().map(|(channel, tracks)| (channel.clone(), tracks.clone()));
        let heard = Heard {
            node: self.node,
            tracks: tracks.collect(),
        };
        // Numbers and texts can be written.
        serde_json::to_string(&heard).unwrap_or_default()
    }

    pub(super) fn release(&self, heard: Option<&str>) {
        let mut held = lock(&self.held);
        if let Some(heard) = heard.and_then(|heard| serde_json::from_str::<Heard>(heard).ok()) {
            held.ignored = Some(heard.node);
            let mut own = lock(&self.tracks);
            for (channel, tracks) in heard.tracks {
                // One that nobody listens to yet, but will: what is missed until then is a gap.
                if own.contains_key(&channel) || self.home.count(&channel) > 0 {
                    own.insert(channel, tracks);
                }
            }
        }
        held.bytes = 0;
        // From now on it counts who is there.
        self.change_all(std::mem::take(&mut held.expected));
        for (channel, bytes) in held.kept.take().unwrap_or_default() {
            self.take(&channel, bytes, held.ignored);
        }
    }
}
