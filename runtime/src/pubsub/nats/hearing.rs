//! What the other nodes say, and what they are answered.

use std::collections::HashSet;
use std::sync::PoisonError;

use tokio::time::Instant;

use super::envelope::Place;
use super::gossip::{self, Entry, Greeted, Peer, Said};
use super::session::{Result, Session};
use super::shared::Answer;
use crate::wire::Text;

/// A node that has more members in a channel does not list them.
pub(super) const LISTED: usize = 10_000;
/// How many of them are in one answer.
const LISTED_AT_ONCE: usize = 1000;

impl Session<'_> {
    pub(super) async fn hear(&mut self, bytes: &[u8]) -> Result {
        let Some((node, said)) = gossip::read(bytes) else {
            tracing::debug!("a node said something that can't be read");
            return Ok(());
        };
        if node == self.shared.node {
            return Ok(());
        }
        match said {
            Said::Hello {
                name,
                beat,
                is_beat,
                wants_marks,
                known,
            } => {
                let greeted = {
                    let mut peers = self.shared.peers();
                    peers.hello(node, &name, beat, is_beat, Instant::now())
                };
                self.greet(node, &name, greeted, wants_marks, &known).await
            }
            Said::Step { number, entries } => self.step(node, number, entries).await,
            Said::All {
                number,
                part,
                is_last,
                entries,
            } => self.everything(node, (number, part, is_last), entries).await,
            Said::Acknowledged { number, is_all, places } => {
                for (channel, stream, number) in places {
                    self.shared.begin(node, &channel, Place { stream, number });
                }
                self.with_peer(node, |peer| peer.acknowledges(number, is_all));
                Ok(())
            }
            Said::Bye => {
                if let Some(peer) = self.shared.peers().0.remove(&node) {
                    tracing::info!("node {} has left", peer.name);
                }
                self.shared.forget(node);
                Ok(())
            }
            Said::Ask { request, channel } => self.answer(node, request, &channel).await,
            Said::Answer {
                request,
                is_last,
                members,
            } => {
                let questions = self.shared.questions.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(question) = questions.get(&request) {
                    // Whoever asked has room for all that can be answered, or has gone.
                    let _ = question.try_send(Answer { node, members, is_last });
                }
                Ok(())
            }
        }
    }

    /// `None` where a node speaks that has not said hello.
    fn with_peer<T>(&self, node: u64, change: impl FnOnce(&mut Peer) -> T) -> Option<T> {
        let mut peers = self.shared.peers();
        let peer = peers.0.get_mut(&node)?;
        peer.heard = Instant::now();
        Some(change(peer))
    }

    async fn greet(&self, node: u64, name: &str, greeted: Greeted, wants_marks: bool, known: &[(u64, u64)]) -> Result {
        let step = self.shared.step();
        let knows = known.iter().find(|(known, _)| *known == self.shared.node);
        let acknowledged = self.with_peer(node, |peer| {
            if knows.is_none() {
                peer.acknowledged = 0;
            }
            peer.acknowledged
        });
        let is_behind = acknowledged.is_some_and(|acknowledged| acknowledged < step);
        let is_back = matches!(greeted, Greeted::New | Greeted::Back);
        if is_back {
            let again = if greeted == Greeted::Back { " again" } else { "" };
            tracing::info!("node {name} is there{again}");
        }
        // What did not come from there may not have come there either.
        if wants_marks || matches!(greeted, Greeted::Back | Greeted::Gap) {
            self.shared.outgoing.lock().interests.resume(node);
        }
        if is_back || greeted == Greeted::Gap {
            let hello = self.hello(false, greeted != Greeted::New);
            self.tell(node, &hello).await?;
        }
        if is_behind && (is_back || wants_marks) {
            self.tell_everything(node).await?;
        }
        Ok(())
    }

    /// What another node has members in. It is answered with where this one stands.
    async fn step(&self, node: u64, number: u64, entries: Vec<Entry>) -> Result {
        if self.with_peer(node, |peer| peer.takes_step(number)) != Some(true) {
            return Ok(());
        }
        let places = self.note(node, entries);
        self.acknowledge(node, number, false, places).await
    }

    async fn everything(&self, node: u64, (number, part, is_last): (u64, usize, bool), entries: Vec<Entry>) -> Result {
        let all = self.with_peer(node, |peer| peer.takes_part(number, part, is_last, entries));
        let Some(all) = all.flatten() else {
            return Ok(());
        };
        let channels: HashSet<_> = all.iter().map(|(channel, _)| channel.clone()).collect();
        self.shared.outgoing.lock().interests.keep(node, &channels);
        let places = self.note(node, all);
        self.acknowledge(node, number, true, places).await
    }

    fn note(&self, node: u64, entries: Vec<Entry>) -> Vec<(Text, Place)> {
        let mut state = self.shared.outgoing.lock();
        let places = entries.into_iter().filter_map(|(channel, count)| {
            let Some(count) = count else {
                state.interests.unset(node, &channel);
                return None;
            };
            let place = state.interests.set(node, &channel, count);
            (place.stream > 0).then_some((channel, place))
        });
        places.collect()
    }

    async fn acknowledge(&self, node: u64, number: u64, is_all: bool, places: Vec<(Text, Place)>) -> Result {
        let mut places = gossip::places(places).into_iter().peekable();
        loop {
            let some: Vec<_> = places.by_ref().take(500).collect();
            let is_last = places.peek().is_none();
            let said = Said::Acknowledged {
                // What is not the last acknowledges nothing yet.
                number: if is_last { number } else { 0 },
                is_all,
                places: some,
            };
            self.tell(node, &said).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    async fn answer(&self, node: u64, request: u64, channel: &str) -> Result {
        let members = self.shared.home.members(channel);
        if members.len() > LISTED {
            let said = Said::Answer {
                request,
                is_last: true,
                members: None,
            };
            return self.tell(node, &said).await;
        }
        let mut members = members.into_iter().map(std::num::NonZeroU64::get).peekable();
        loop {
            let some = members.by_ref().take(LISTED_AT_ONCE).collect();
            let is_last = members.peek().is_none();
            let said = Said::Answer {
                request,
                is_last,
                members: Some(some),
            };
            self.tell(node, &said).await?;
            if is_last {
                return Ok(());
            }
        }
    }
}
