//! The ways to cut what is sent.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use crate::case::{Case, Cuts};

/// Cases up to this length are also played byte by byte.
const SMALL: usize = 600;
/// How often a case is cut at random.
const RANDOM: u64 = 2;

/// A way to cut a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Chop {
    Whole,
    Pieces(usize),
    /// At places that this seed decides.
    Random(u64),
}

/// A small generator of numbers that are random enough (`SplitMix64`).
pub(crate) struct Random(u64);

impl Chop {
    /// The ways in which a case is to be played.
    pub(crate) fn ways(case: &Case, seed: u64) -> Vec<Self> {
        match &case.cuts {
            Cuts::None => vec![Self::Whole],
            Cuts::Pieces(sizes) => sizes.iter().copied().map(Self::Pieces).collect(),
            Cuts::All => {
                let random = (0..RANDOM).map(|nth| Self::Random(seed.wrapping_add(nth)));
                let bytes = (case.length() <= SMALL).then_some(Self::Pieces(1));
                [Self::Whole].into_iter().chain(bytes).chain(random).collect()
            }
        }
    }

    /// The bytes in pieces, none of them empty.
    pub(crate) fn cut(self, mut bytes: &[u8]) -> Vec<&[u8]> {
        match self {
            Self::Whole => vec![bytes],
            Self::Pieces(size) => bytes.chunks(size).collect(),
            Self::Random(seed) => {
                let mut random = Random::new(seed);
                let mut pieces = Vec::new();
                while !bytes.is_empty() {
                    // Small pieces are where headers are cut; large ones let long cases end.
                    let most = if random.below(4) == 0 {
                        bytes.len()
                    } else {
                        bytes.len().min(8)
                    };
                    let (piece, rest) = bytes.split_at(1 + random.below(most));
                    pieces.push(piece);
                    bytes = rest;
                }
                pieces
            }
        }
    }
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below this.
    #[expect(clippy::cast_possible_truncation, reason = "some bits are as random as others")]
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) as usize % end
    }
}

/// The seed of this run: `CONFORMANCE_SEED`, or a new one.
pub(crate) fn seed() -> u64 {
    match std::env::var("CONFORMANCE_SEED") {
        Ok(seed) => seed.parse().expect("CONFORMANCE_SEED is a number"),
        Err(_) => RandomState::new().build_hasher().finish(),
    }
}
