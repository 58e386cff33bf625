//! How bytes travel between a test's client and the server: data, for `pipe` to obey.

use std::time::Duration;

use super::Rng;

/// How many bytes the client's side takes before the server's writes wait, unless a link says otherwise: about what a
/// kernel takes.
const WINDOW: usize = 64 * 1024;

/// How the bytes of one connection travel. By default they come at once and whole, and the client's side takes 64 KiB
/// that the test has not received yet.
///
/// ```
/// use nova::prelude::*;
/// use nova::testing::{self, Cuts, Link};
/// # struct Echo;
/// # impl WebSocketHandler for Echo {
/// #     async fn handle(&mut self, frame: Frame, _: &Socket) -> Commands { Commands::send(frame) }
/// # }
/// # fn routes() -> Routes { Routes::new().group(Group::new("/").ws("/echo", async || Echo)) }
///
/// testing::run(async {
///     let byte_by_byte = Link::new().cuts(Cuts::every(1));
///     let mut client = testing::app(routes).websocket("/echo").link(byte_by_byte).await;
///     client.send("hello");
///     assert_eq!(client.receive().await, Frame::text("hello"));
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Link {
    pub(super) to_server: Way,
    pub(super) to_client: Way,
    pub(super) window: usize,
    pub(super) seed: u64,
}

/// One direction of a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) cuts: Cuts,
    /// The longest that a piece is late.
    pub(super) jitter: Duration,
    /// The connection is reset when so many bytes have passed.
    pub(super) reset_after: Option<usize>,
}

/// Where a stream of bytes is cut. Each piece is a read, or a write, of its own, and other tasks have their turn between
/// two of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cuts {
    /// Nowhere: what there is passes at once.
    #[default]
    None,
    /// Into pieces of these sizes in bytes, over and over. One of 0 is taken for 1.
    Sizes(Vec<usize>),
    /// Into pieces of any size from 1 to this, as the link's seed has it.
    UpTo(usize),
}

impl Cuts {
    /// Into pieces of `size` bytes: with 1, at every byte.
    pub fn every(size: usize) -> Self {
        Self::Sizes(vec![size])
    }
}

impl Link {
    /// A link that does nothing to what passes.
    pub const fn new() -> Self {
        const PLAIN: Way = Way {
            cuts: Cuts::None,
            jitter: Duration::ZERO,
            reset_after: None,
        };
        Self {
            to_server: PLAIN,
            to_client: PLAIN,
            window: WINDOW,
            seed: 0,
        }
    }

    /// A link with faults that `rng` chooses: cuts, lateness of up to 20 ms, and a window from one byte to 64 KiB. It
    /// loses nothing and resets nothing.
    pub fn random(rng: &mut Rng) -> Self {
        let cuts = |rng: &mut Rng| match rng.below(4) {
            0 => Cuts::None,
            1 => Cuts::every(1 + rng.below(3)),
            2 => Cuts::UpTo(1 + rng.below(16)),
            _ => Cuts::UpTo(1 + rng.below(4096)),
        };
        let way = |rng: &mut Rng| Way {
            cuts: cuts(rng),
            jitter: Duration::from_millis(rng.pick(&[0, 0, 1, 20])),
            reset_after: None,
        };
        Self {
            to_server: way(rng),
            to_client: way(rng),
            window: match rng.below(3) {
                0 => WINDOW,
                bits => 1 + rng.below(1 << (6 * bits)),
            },
            seed: rng.next_u64(),
        }
    }

    /// Cuts both directions.
    pub fn cuts(self, cuts: Cuts) -> Self {
        self.cuts_to_server(cuts.clone()).cuts_to_client(cuts)
    }

    /// Cuts what the client sends: the sizes of the server's reads.
    pub fn cuts_to_server(mut self, cuts: Cuts) -> Self {
        self.to_server.cuts = cuts;
        self
    }

    /// Cuts what the server sends: how much a write takes.
    pub fn cuts_to_client(mut self, cuts: Cuts) -> Self {
        self.to_client.cuts = cuts;
        self
    }

    /// Lets every other piece be late by up to so long, in both directions.
    pub fn jitter(mut self, longest: Duration) -> Self {
        self.to_server.jitter = longest;
        self.to_client.jitter = longest;
        self
    }

    /// How many bytes that the test has not received yet the client's side takes, at least 1: with more to write the
    /// server waits. So a client that does not receive is one that does not read.
    pub fn window(mut self, bytes: usize) -> Self {
        self.window = bytes.max(1);
        self
    }

    /// Resets the connection when the server has read so many bytes of what the client sends. The handshake does not
    /// count.
    pub fn reset_after_sending(mut self, bytes: usize) -> Self {
        self.to_server.reset_after = Some(bytes);
        self
    }

    /// Resets the connection when the server has written so many bytes. The handshake does not count.
    pub fn reset_after_receiving(mut self, bytes: usize) -> Self {
        self.to_client.reset_after = Some(bytes);
        self
    }

    /// The seed of what is left to chance: 0 by default.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}

impl Way {
    /// Whether it does nothing to what passes.
    pub(super) fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}
