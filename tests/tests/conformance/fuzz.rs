//! Whole connections over a socket, with arbitrary streams in arbitrary pieces.
//!
//! Few cases in a plain run, for each is a connection: a sixteenth of `PROPTEST_CASES`, which is 256 by default.

use nova_tests::websocket::{BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, begun, closing, frame};
use nova_tests::{Received, WebSocket};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;

use crate::runner::{SMALL_LIMIT, echo_server};

/// Something that a client may send.
#[derive(Clone, Debug)]
enum Sent {
    Text(Vec<String>),
    Binary(Vec<Vec<u8>>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

impl Sent {
    fn any() -> impl Strategy<Value = Self> {
        let control = || vec(any::<u8>(), 0..=125);
        prop_oneof![
            vec(".{0,40}", 1..5).prop_map(Self::Text),
            vec(vec(any::<u8>(), 0..300), 1..5).prop_map(Self::Binary),
            control().prop_map(Self::Ping),
            control().prop_map(Self::Pong),
        ]
    }

    /// Its frames, a fragment each.
    fn frames(&self) -> Vec<u8> {
        let fragments: Vec<&[u8]> = match self {
            Self::Text(fragments) => fragments.iter().map(String::as_bytes).collect(),
            Self::Binary(fragments) => fragments.iter().map(Vec::as_slice).collect(),
            Self::Ping(payload) => return frame(PING, payload),
            Self::Pong(payload) => return frame(PONG, payload),
        };
        let mut bytes = Vec::new();
        for (nth, fragment) in fragments.iter().enumerate() {
            let first = match self {
                _ if nth > 0 => CONTINUATION,
                Self::Text(_) => TEXT,
                _ => BINARY,
            };
            let is_last = nth + 1 == fragments.len();
            bytes.extend(if is_last {
                frame(first, fragment)
            } else {
                begun(first, fragment)
            });
        }
        bytes
    }

    /// What must come back.
    fn answer(&self) -> Option<Received> {
        match self {
            Self::Text(fragments) => Some(Received::Text(fragments.concat())),
            Self::Binary(fragments) => Some(Received::Binary(fragments.concat())),
            Self::Ping(payload) => Some(Received::Pong(payload.clone())),
            Self::Pong(_) => None,
        }
    }
}

/// Sends a stream in pieces and gives all that comes back.
fn answers(mut socket: WebSocket, stream: &[u8], cuts: &[Index]) -> Vec<Received> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    places.push(stream.len());
    places.sort_unstable();
    let mut from = 0;
    for to in places {
        if socket.try_send_bytes(&stream[from..to]).is_err() {
            // The server has seen enough.
            break;
        }
        std::thread::yield_now();
        from = to;
    }
    socket.rest()
}

fn run<S: Strategy>(strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let mut config = ProptestConfig::with_source_file(file!());
    config.cases = config.cases.div_ceil(16);
    TestRunner::new(config)
        .run(strategy, test)
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn what_is_sent_in_any_pieces_comes_back() {
    let server = echo_server();
    let stream = (vec(Sent::any(), 0..10), vec(any::<Index>(), 0..30));
    run(&stream, |(sent, cuts)| {
        let mut stream: Vec<u8> = sent.iter().flat_map(Sent::frames).collect();
        stream.extend(frame(CLOSE, closing(1000, "done")));
        let mut expected: Vec<_> = sent.iter().filter_map(Sent::answer).collect();
        expected.push(Received::close(1000));
        prop_assert_eq!(answers(WebSocket::open(&server, "/"), &stream, &cuts), expected);
        Ok(())
    });
}

#[test]
fn whatever_is_sent_ends_with_one_close_frame() {
    let server = echo_server();
    let first = prop_oneof![4 => select(vec![0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x89, 0x8A]), 1 => any::<u8>()];
    let frames = vec((first, vec(any::<u8>(), 0..40)), 0..6);
    run(
        &(frames, vec(any::<u8>(), 0..20), vec(any::<Index>(), 0..20)),
        |(frames, noise, cuts)| {
            let mut stream: Vec<u8> = frames
                .iter()
                .flat_map(|(first, payload)| frame(*first, payload))
                .collect();
            stream.extend(noise);
            // More than the noise may have promised of one frame, and refused wherever it begins.
            stream.extend(frame(0x83, "").repeat(SMALL_LIMIT));
            let answers = answers(WebSocket::open(&server, "/small"), &stream, &cuts);
            let closes = answers
                .iter()
                .filter(|received| matches!(received, Received::Close(..)));
            prop_assert_eq!(closes.count(), 1);
            prop_assert!(matches!(
                answers.last(),
                Some(Received::Close(Some(1000..=4999) | None, _))
            ));
            Ok(())
        },
    );
}
