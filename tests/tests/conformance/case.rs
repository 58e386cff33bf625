//! A case: what a client sends, and what must come back.

use std::borrow::Cow;

use nova_tests::Received;
use nova_tests::websocket::{BINARY, TEXT, frame};

/// What a client sends in turns, and what must come back: exactly this and nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: Cow<'static, str>,
    /// The section of RFC 6455 that asks for it.
    pub(crate) section: &'static str,
    /// Which of the runner's routes it is for.
    pub(crate) target: &'static str,
    pub(crate) turns: Vec<Turn>,
    /// The close frame that ends it. Without one the connection must still be of use afterwards.
    pub(crate) ending: Option<Received>,
    pub(crate) cuts: Cuts,
}

/// The client sends, then waits until this has come back.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) sends: Vec<u8>,
    pub(crate) returns: Vec<Received>,
}

/// How a case is cut.
#[derive(Clone, Debug)]
pub(crate) enum Cuts {
    /// In all the ways that its length allows.
    All,
    /// Only whole: for cases that come by the thousand.
    None,
    /// Only in pieces of these sizes, over and over: for cases that are long.
    Pieces(Vec<usize>),
}

/// Begins a case.
pub(crate) fn case(name: impl Into<Cow<'static, str>>, section: &'static str) -> Case {
    Case {
        name: name.into(),
        section,
        target: "/",
        turns: Vec::new(),
        ending: None,
        cuts: Cuts::All,
    }
}

/// A text message that must be echoed.
pub(crate) fn text(text: &str) -> (Vec<u8>, Received) {
    (frame(TEXT, text), Received::text(text))
}

/// A binary message that must be echoed.
pub(crate) fn binary(payload: impl Into<Vec<u8>>) -> (Vec<u8>, Received) {
    let payload = payload.into();
    (frame(BINARY, &payload), Received::Binary(payload))
}

/// So many bytes, of which no two neighbours are alike.
pub(crate) fn payload(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

impl Case {
    /// The server with the small limits: 1,000 bytes and 16 fragments.
    pub(crate) fn small(mut self) -> Self {
        self.target = "/small";
        self
    }

    /// Sends, and expects nothing until more is sent, or what [`returns`](Self::returns) says.
    pub(crate) fn sends(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.turns.push(Turn {
            sends: bytes.as_ref().to_vec(),
            returns: Vec::new(),
        });
        self
    }

    /// Sends frames that belong together.
    pub(crate) fn sends_all(self, frames: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.sends(frames.into_iter().collect::<Vec<_>>().concat())
    }

    /// What must have come back before more is sent.
    pub(crate) fn returns(mut self, received: impl IntoIterator<Item = Received>) -> Self {
        self.turns.last_mut().unwrap().returns.extend(received);
        self
    }

    /// Sends messages together and expects each back.
    pub(crate) fn echoes(self, messages: impl IntoIterator<Item = (Vec<u8>, Received)>) -> Self {
        let (frames, received): (Vec<_>, Vec<_>) = messages.into_iter().unzip();
        self.sends_all(frames).returns(received)
    }

    /// The code that ends it.
    pub(crate) fn closed(self, code: u16) -> Self {
        self.ended(Received::close(code))
    }

    /// The close frame that ends it.
    pub(crate) fn ended(mut self, close: Received) -> Self {
        self.ending = Some(close);
        self
    }

    pub(crate) fn cuts(mut self, cuts: Cuts) -> Self {
        self.cuts = cuts;
        self
    }

    /// How many bytes are sent.
    pub(crate) fn length(&self) -> usize {
        self.turns.iter().map(|turn| turn.sends.len()).sum()
    }
}
