//! What has come from other nodes, by number: how gaps and duplicates are found.

use serde::{Deserialize, Serialize};

use super::envelope::Place;

/// Where the other nodes stand in one channel.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Tracks(Vec<(u64, Track)>);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Track {
    stream: u64,
    /// The last number that came, or that was counted as missing.
    last: u64,
    /// Up to this number nothing is missed: it was sent before the sender knew of this node.
    floor: u64,
}

/// What did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missed {
    Nothing,
    Some(u64),
    /// The sender has begun anew since.
    Unknown,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// New, and before it this was missed.
    New(Missed),
    /// It has come before, or was counted as missing.
    Old,
}

impl Tracks {
    /// A message came.
    pub(super) fn message(&mut self, node: u64, place: Place) -> Verdict {
        let Place { stream, number } = place;
        if stream == 0 {
            return Verdict::New(Missed::Nothing);
        }
        let Some(track) = self.find(node) else {
            // The first that comes is no gap, whatever its number: this node has come later.
            self.begin(node, place, number);
            return Verdict::New(Missed::Nothing);
        };
        if stream < track.stream || stream == track.stream && number <= track.last {
            return Verdict::Old;
        }
        let missed = track.advance(place, number.saturating_sub(1));
        track.last = number;
        Verdict::New(missed)
    }

    /// The sender says that it has got so far, in order among its messages.
    pub(super) fn mark(&mut self, node: u64, place: Place) -> Missed {
        let Some(track) = self.find(node) else {
            self.begin(node, place, place.number);
            return Missed::Nothing;
        };
        if place.stream < track.stream {
            return Missed::Nothing;
        }
        let missed = track.advance(place, place.number);
        track.last = track.last.max(place.number);
        missed
    }

    /// The sender knows of this node now, and has got so far. That is said beside its messages: some that it sent before may
    /// come after, and are welcome.
    pub(super) fn start(&mut self, node: u64, place: Place) -> Missed {
        match self.find(node) {
            None => {
                self.begin(node, place, 0);
                Missed::Nothing
            }
            Some(track) if place.stream > track.stream => {
                *track = Track {
                    stream: place.stream,
                    last: 0,
                    floor: place.number,
                };
                Missed::Unknown
            }
            // What is missing shows in order, at the next message or mark.
            Some(_) => Missed::Nothing,
        }
    }

    /// A node is gone.
    pub(super) fn forget(&mut self, node: u64) {
        self.0.retain(|(other, _)| *other != node);
    }

    fn find(&mut self, node: u64) -> Option<&mut Track> {
        let entry = self.0.iter_mut().find(|(other, _)| *other == node);
        entry.map(|(_, track)| track)
    }

    fn begin(&mut self, node: u64, place: Place, last: u64) {
        let track = Track {
            stream: place.stream,
            last,
            floor: place.number,
        };
        self.0.push((node, track));
    }
}

impl Track {
    /// All up to `end` should have come.
    fn advance(&mut self, place: Place, end: u64) -> Missed {
        if place.stream > self.stream {
            *self = Self {
                stream: place.stream,
                last: end,
                floor: end,
            };
            return Missed::Unknown;
        }
        match end.saturating_sub(self.last.max(self.floor)) {
            0 => Missed::Nothing,
            missed => Missed::Some(missed),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NODE: u64 = 7;

    fn at(number: u64) -> Place {
        Place { stream: 3, number }
    }

    const NEW: Verdict = Verdict::New(Missed::Nothing);

    #[test]
    fn the_first_message_of_a_late_joiner_is_no_gap() {
        let mut tracks = Tracks::default();
        assert_eq!(tracks.message(NODE, at(17)), NEW);
        assert_eq!(tracks.message(NODE, at(18)), NEW);
        assert_eq!(tracks.message(NODE, at(21)), Verdict::New(Missed::Some(2)));
    }

    #[test]
    fn what_was_lost_before_the_first_message_is_a_gap_once_the_sender_knew_of_us() {
        let mut tracks = Tracks::default();
        assert_eq!(tracks.start(NODE, at(0)), Missed::Nothing);
        assert_eq!(tracks.message(NODE, at(6)), Verdict::New(Missed::Some(5)));
    }

    #[test]
    fn what_was_sent_before_the_sender_knew_of_us_may_still_come() {
        let mut tracks = Tracks::default();
        assert_eq!(tracks.start(NODE, at(17)), Missed::Nothing);
        assert_eq!(tracks.message(NODE, at(15)), NEW);
        assert_eq!(tracks.message(NODE, at(17)), NEW);
        assert_eq!(tracks.message(NODE, at(19)), Verdict::New(Missed::Some(1)));
    }

    #[test]
    fn a_mark_shows_what_is_missing_at_the_end_and_once() {
        let mut tracks = Tracks::default();
        tracks.message(NODE, at(1));
        assert_eq!(tracks.mark(NODE, at(4)), Missed::Some(3));
        assert_eq!(tracks.mark(NODE, at(4)), Missed::Nothing);
        assert_eq!(tracks.message(NODE, at(3)), Verdict::Old, "it was counted as missing");
        assert_eq!(tracks.message(NODE, at(5)), NEW);
    }

    #[test]
    fn duplicates_are_old_and_nodes_are_apart() {
        let mut tracks = Tracks::default();
        assert_eq!(tracks.message(NODE, at(1)), NEW);
        assert_eq!(tracks.message(NODE, at(1)), Verdict::Old);
        assert_eq!(tracks.message(8, at(1)), NEW);
        tracks.forget(NODE);
        assert_eq!(tracks.message(NODE, at(9)), NEW);
    }

    #[test]
    fn a_sender_that_begins_anew_leaves_a_gap_of_unknown_size() {
        let mut tracks = Tracks::default();
        tracks.message(NODE, at(5));
        let next = Place { stream: 4, number: 2 };
        assert_eq!(tracks.message(NODE, next), Verdict::New(Missed::Unknown));
        assert_eq!(tracks.message(NODE, at(6)), Verdict::Old, "of the stream before");
        assert_eq!(tracks.start(NODE, Place { stream: 4, number: 9 }), Missed::Nothing);
        assert_eq!(tracks.message(NODE, Place { stream: 4, number: 3 }), NEW);
        assert_eq!(tracks.start(NODE, Place { stream: 6, number: 9 }), Missed::Unknown);
    }

    #[test]
    fn what_is_not_counted_is_delivered() {
        let mut tracks = Tracks::default();
        assert_eq!(tracks.message(NODE, Place::default()), NEW);
        assert_eq!(tracks.message(NODE, Place::default()), NEW);
    }

    proptest! {
        /// Of messages some are lost, some come twice, some come late: what is delivered and what is counted as missing is all.
        #[test]
        fn received_and_missed_is_all_that_was_sent(
            fates in proptest::collection::vec(0_u8..10, 1..200), marks in proptest::collection::vec(any::<bool>(), 200),
        ) {
            let mut tracks = Tracks::default();
            tracks.start(NODE, at(0));
            let (mut received, mut missed, mut late) = (0, 0, Vec::new());
            let add = |verdict| match verdict {
                Verdict::New(Missed::Some(count)) => (1, count),
                Verdict::New(_) => (1, 0),
                Verdict::Old => (0, 0),
            };
            let sent = fates.len() as u64;
            for (number, (fate, mark)) in (1..).zip(fates.into_iter().zip(marks)) {
                let times = match fate {
                    0 | 1 => 0,
                    2 => 2,
                    3 => { late.push(number); 0 }
                    _ => 1,
                };
                for _ in 0..times {
                    let (new, gap) = add(tracks.message(NODE, at(number)));
                    received += new;
                    missed += gap;
                }
                if mark && let Missed::Some(count) = tracks.mark(NODE, at(number)) {
                    missed += count;
                }
                if fate == 4 && let Some(number) = late.pop() {
                    let (new, gap) = add(tracks.message(NODE, at(number)));
                    received += new;
                    missed += gap;
                }
            }
            if let Missed::Some(count) = tracks.mark(NODE, at(sent)) {
                missed += count;
            }
            prop_assert_eq!(received + missed, sent);
        }
    }
}
