//! Which channels other nodes have members in, and how far this node has got in each.

use std::collections::{HashMap, HashSet};

use super::envelope::Place;
use crate::wire::Text;

/// The most channels that are counted. What is sent to more is delivered, and a gap in it is not found.
const CHANNELS: usize = 1_000_000;

#[derive(Default)]
pub(super) struct Interests {
    channels: HashMap<Text, Interest>,
    last_stream: u64,
    /// The channels to which something was sent that no mark has followed, and whether it has been quiet since.
    unmarked: HashMap<Text, bool>,
    /// Nodes that have not been heard of for a while. They are sent to no less, and their members do not count.
    lost: HashSet<u64>,
}

struct Interest {
    /// Where this node stands.
    place: Place,
    /// The nodes that have members, or have had them a moment ago, and how many.
    nodes: Vec<(u64, usize)>,
}

impl Interests {
    /// The place of the next message.
    pub(super) fn next(&mut self, channel: &Text) -> Place {
        let Some(interest) = self.channels.get_mut(channel) else {
            return Place::default();
        };
        interest.place.number += 1;
        self.unmarked.insert(channel.clone(), false);
        interest.place
    }

    /// Where this node stands.
    pub(super) fn place(&self, channel: &Text) -> Option<Place> {
        self.channels.get(channel).map(|interest| interest.place)
    }

    /// A node has so many members in a channel.
    pub(super) fn set(&mut self, node: u64, channel: &Text, count: usize) -> Place {
        if self.channels.len() >= CHANNELS && !self.channels.contains_key(channel) {
            return Place::default();
        }
        let interest = self.channels.entry(channel.clone()).or_insert_with(|| {
            self.last_stream += 1;
            Interest {
                place: Place {
                    stream: self.last_stream,
                    number: 0,
                },
                nodes: Vec::with_capacity(1),
            }
        });
        match interest.nodes.iter_mut().find(|(other, _)| *other == node) {
            Some((_, old)) => *old = count,
            None => interest.nodes.push((node, count)),
        }
        interest.place
    }

    /// A node listens to a channel no more.
    pub(super) fn unset(&mut self, node: u64, channel: &Text) {
        let Some(interest) = self.channels.get_mut(channel) else {
            return;
        };
        interest.nodes.retain(|(other, _)| *other != node);
        if interest.nodes.is_empty() {
            self.channels.remove(channel);
            self.unmarked.remove(channel);
        }
    }

    /// A node listens to these channels only.
    pub(super) fn keep(&mut self, node: u64, channels: &HashSet<Text>) {
        for channel in self.of(node) {
            if !channels.contains(&channel) {
                self.unset(node, &channel);
            }
        }
    }

    /// A node is gone for good.
    pub(super) fn forget(&mut self, node: u64) {
        self.lost.remove(&node);
        self.keep(node, &HashSet::new());
    }

    /// A node is not heard of any more.
    pub(super) fn lose(&mut self, node: u64) {
        self.lost.insert(node);
    }

    /// A node has been out of reach, or may have been: it is to learn where its channels stand.
    pub(super) fn resume(&mut self, node: u64) {
        self.lost.remove(&node);
        for channel in self.of(node) {
            if self.place(&channel).is_some_and(|place| place.number > 0) {
                self.unmarked.entry(channel).or_insert(true);
            }
        }
    }

    /// How many members a channel has on other nodes.
    pub(super) fn count(&self, channel: &str) -> usize {
        let nodes = self.channels.get(channel).map(|interest| &interest.nodes);
        let counts = nodes.into_iter().flatten();
        counts
            .filter(|(node, _)| !self.lost.contains(node))
            .map(|(_, count)| count)
            .sum()
    }

    /// Some of the channels that have been quiet since the last call, and are to be marked now.
    pub(super) fn take_quiet(&mut self, most: usize) -> Vec<(Text, Place)> {
        let mut quiet = Vec::new();
        for (channel, is_quiet) in &mut self.unmarked {
            if std::mem::replace(is_quiet, true) && quiet.len() < most {
                quiet.push(channel.clone());
            }
        }
        let marked = quiet.into_iter().filter_map(|channel| {
            self.unmarked.remove(&channel);
            let place = self.place(&channel)?;
            Some((channel, place))
        });
        marked.collect()
    }

    /// A mark was lost: there is to be another.
    pub(super) fn unmark(&mut self, channel: Text) {
        if self.channels.contains_key(&channel) {
            self.unmarked.entry(channel).or_insert(true);
        }
    }

    fn of(&self, node: u64) -> Vec<Text> {
        let channels = self.channels.iter();
        channels
            .filter(|(_, interest)| interest.nodes.iter().any(|(other, _)| *other == node))
            .map(|(channel, _)| channel.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Text {
        text.into()
    }

    #[test]
    fn what_nobody_listens_to_is_not_counted() {
        let mut interests = Interests::default();
        assert_eq!(interests.next(&text("a")), Place::default());
        assert_eq!(interests.set(1, &text("a"), 2), Place { stream: 1, number: 0 });
        assert_eq!(interests.next(&text("a")), Place { stream: 1, number: 1 });
        assert_eq!(interests.set(2, &text("a"), 3), Place { stream: 1, number: 1 });
        assert_eq!(interests.count("a"), 5);
        interests.lose(2);
        assert_eq!(interests.count("a"), 2);
        interests.resume(2);
        interests.unset(1, &text("a"));
        assert_eq!(interests.count("a"), 3);
        interests.forget(2);
        assert_eq!(interests.next(&text("a")), Place::default());
        assert_eq!(interests.set(1, &text("a"), 1), Place { stream: 2, number: 0 });
    }

    #[test]
    fn a_channel_is_marked_once_when_it_is_quiet() {
        let mut interests = Interests::default();
        interests.set(1, &text("a"), 1);
        interests.next(&text("a"));
        assert!(interests.take_quiet(9).is_empty(), "it was not quiet");
        let place = interests.next(&text("a"));
        assert!(interests.take_quiet(9).is_empty(), "nor now");
        assert_eq!(interests.take_quiet(9), [(text("a"), place)]);
        assert!(interests.take_quiet(9).is_empty());
        interests.unmark(text("a"));
        assert_eq!(interests.take_quiet(9).len(), 1);
        interests.resume(1);
        assert_eq!(interests.take_quiet(9).len(), 1);
        interests.forget(1);
        interests.unmark(text("a"));
        assert!(interests.take_quiet(9).is_empty());
    }
}
