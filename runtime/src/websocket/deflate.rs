//! The handshake's part in compression (RFC 7692 §5 and §7.1): which offer is taken, and what is answered.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderValue, header};

use super::Compression;
use super::extensions::{self, Extension};
use crate::wire::{Codec, Terms};

const NAME: &str = "permessage-deflate";
/// The only window that the compressor has, and the largest that there is.
const LARGEST_WINDOW: u8 = 15;

/// An offer that is understood.
#[derive(Clone, Copy, Debug, Default)]
struct Offer {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// Whether the client can be told, and the largest that it will use.
    client_max_window_bits: Option<u8>,
}

/// Agrees with the first acceptable offer. Gives the answer for the handshake too.
///
/// An offer that is not understood is passed over, and a line that breaks the grammar offers nothing: a client can always
/// do without compression.
pub(super) fn agree(wanted: &Compression, request: &HeaderMap) -> Option<(Codec, HeaderValue)> {
    let lines = request.get_all(header::SEC_WEBSOCKET_EXTENSIONS).into_iter();
    let offers = lines
        .filter_map(|line| extensions::parse(line.to_str().ok()?))
        .flatten();
    let (terms, answer) = offers
        .filter_map(|extension| Offer::read(&extension))
        .find_map(|offer| offer.answer(wanted))?;
    Some((Codec::new(&terms), HeaderValue::try_from(answer).ok()?))
}

impl Offer {
    /// Reads an offer. `None` where it is of something else, or has a parameter that is unknown, wrong or there twice
    /// (RFC 7692 §7).
    fn read(extension: &Extension<'_>) -> Option<Self> {
        if extension.name != NAME {
            return None;
        }
        let mut offer = Self::default();
        for (name, value) in &extension.parameters {
            let is_first = match (*name, value.as_deref()) {
                ("server_no_context_takeover", None) => !std::mem::replace(&mut offer.server_no_context_takeover, true),
                ("client_no_context_takeover", None) => !std::mem::replace(&mut offer.client_no_context_takeover, true),
                ("server_max_window_bits", Some(value)) => {
                    offer.server_max_window_bits.replace(window_bits(value)?).is_none()
                }
                ("client_max_window_bits", value) => {
                    let bits = value.map_or(Some(LARGEST_WINDOW), window_bits)?;
                    offer.client_max_window_bits.replace(bits).is_none()
                }
                _ => false,
            };
            if !is_first {
                return None;
            }
        }
        Some(offer)
    }

    /// What is agreed on and answered, if it can be done.
    fn answer(self, wanted: &Compression) -> Option<(Terms, String)> {
        if self.server_max_window_bits.is_some_and(|bits| bits < LARGEST_WINDOW) {
            return None;
        }
        // Not 8, which some compressors take for 9.
        let most = wanted.client_max_window_bits.clamp(9, LARGEST_WINDOW);
        let client_window_bits = match self.client_max_window_bits {
            Some(bits) => bits.min(most),
            None => LARGEST_WINDOW,
        };
        let terms = Terms {
            level: wanted.level.clamp(1, 9),
            min_size: wanted.min_size,
            server_takeover: wanted.server_context_takeover && !self.server_no_context_takeover,
            client_takeover: wanted.client_context_takeover
                && !self.client_no_context_takeover
                && client_window_bits <= most,
            client_window_bits,
        };
        let mut answer = NAME.to_owned();
        if !terms.server_takeover {
            answer += "; server_no_context_takeover";
        }
        if !terms.client_takeover {
            answer += "; client_no_context_takeover";
        }
        if let Some(bits) = self.server_max_window_bits {
            // To a string it is always written.
            let _ = write!(answer, "; server_max_window_bits={bits}");
        }
        // To a client that did not offer it, it must not be said (RFC 7692 §7.1.2.2).
        if self.client_max_window_bits.is_some() && client_window_bits < LARGEST_WINDOW {
            let _ = write!(answer, "; client_max_window_bits={client_window_bits}");
        }
        Some((terms, answer))
    }
}

/// A number from 8 to 15 without leading zeros (RFC 7692 §7.1.2).
fn window_bits(value: &str) -> Option<u8> {
    (8..=LARGEST_WINDOW).find(|bits| bits.to_string() == value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TAKEOVER: Compression = Compression {
        level: 1,
        min_size: 0,
        server_context_takeover: true,
        client_context_takeover: true,
        client_max_window_bits: 15,
    };

    /// The answer to these lines, without the name of the extension.
    fn answer_as(wanted: &Compression, lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::SEC_WEBSOCKET_EXTENSIONS, line.parse().unwrap());
        }
        let (_, answer) = agree(wanted, &headers)?;
        Some(answer.to_str().unwrap().strip_prefix(NAME).unwrap().to_owned())
    }

    fn answer(line: &str) -> Option<String> {
        answer_as(&TAKEOVER, &[line])
    }

    #[test]
    fn each_parameter_is_answered() {
        assert_eq!(answer("permessage-deflate").as_deref(), Some(""));
        assert_eq!(
            answer("permessage-deflate; server_no_context_takeover").as_deref(),
            Some("; server_no_context_takeover")
        );
        assert_eq!(
            answer("permessage-deflate; client_no_context_takeover").as_deref(),
            Some("; client_no_context_takeover")
        );
        assert_eq!(
            answer("permessage-deflate; server_max_window_bits=15").as_deref(),
            Some("; server_max_window_bits=15")
        );
        assert_eq!(
            answer("permessage-deflate; client_max_window_bits").as_deref(),
            Some("")
        );
        assert_eq!(
            answer("permessage-deflate; client_max_window_bits=\"10\"").as_deref(),
            Some("; client_max_window_bits=10")
        );
    }

    #[test]
    fn what_the_server_wants_is_said_unasked() {
        let alone = Compression::default();
        let both = "; server_no_context_takeover; client_no_context_takeover";
        assert_eq!(answer_as(&alone, &["permessage-deflate"]).as_deref(), Some(both));
    }

    #[test]
    fn a_window_is_wanted_only_of_a_client_that_offers_it() {
        let small = Compression {
            client_max_window_bits: 10,
            ..TAKEOVER
        };
        let answer = |line| answer_as(&small, &[line]);
        assert_eq!(
            answer("permessage-deflate; client_max_window_bits").as_deref(),
            Some("; client_max_window_bits=10")
        );
        assert_eq!(
            answer("permessage-deflate; client_max_window_bits=9").as_deref(),
            Some("; client_max_window_bits=9")
        );
        // Otherwise the client must keep to what is kept of it in another way.
        assert_eq!(
            answer("permessage-deflate").as_deref(),
            Some("; client_no_context_takeover")
        );
    }

    #[test]
    fn the_first_acceptable_offer_is_taken() {
        let line = "x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=10, \
                    permessage-deflate; server_no_context_takeover, permessage-deflate";
        assert_eq!(answer(line).as_deref(), Some("; server_no_context_takeover"));
        let lines = [
            "permessage-deflate;;",
            "permessage-deflate; x",
            "permessage-deflate; client_max_window_bits=12",
        ];
        assert_eq!(
            answer_as(&TAKEOVER, &lines).as_deref(),
            Some("; client_max_window_bits=12")
        );
    }

    #[test]
    fn offers_that_are_not_taken() {
        for parameters in [
            "server_max_window_bits=14",
            "server_max_window_bits=8",
            "server_max_window_bits",
            "server_max_window_bits=16",
            "server_max_window_bits=7",
            "server_max_window_bits=015",
            "server_max_window_bits=+15",
            "server_max_window_bits=15; server_max_window_bits=15",
            "client_max_window_bits=16",
            "client_max_window_bits=ten",
            "client_max_window_bits; client_max_window_bits=10",
            "server_no_context_takeover=true",
            "server_no_context_takeover; server_no_context_takeover",
            "client_no_context_takeover=1",
            "client_no_context_takeover; client_no_context_takeover",
            "unknown",
            "",
        ] {
            assert_eq!(
                answer(&format!("permessage-deflate; {parameters}")),
                None,
                "{parameters}"
            );
        }
        assert_eq!(answer("permessage-bzip2"), None);
        assert_eq!(answer_as(&TAKEOVER, &[]), None);
    }

    proptest! {
        #[test]
        fn an_answer_is_one_that_the_offer_allows(
            parameters in prop::collection::vec(
                "(server|client)_(no_context_takeover|max_window_bits)(=\"?(7|8|10|15|16)\"?)?",
                0..5,
            ),
            (server, client, bits) in (any::<bool>(), any::<bool>(), any::<u8>()),
        ) {
            let wanted = Compression {
                server_context_takeover: server,
                client_context_takeover: client,
                client_max_window_bits: bits,
                ..TAKEOVER
            };
            let offer = parameters.join(";");
            let line = [NAME].into_iter().chain(parameters.iter().map(|parameter| &parameter[..]));
            let line = line.collect::<Vec<_>>().join(";");
            if let Some(answer) = answer_as(&wanted, &[&line]) {
                for (parameter, limit) in [("server_no_context_takeover", server), ("client_no_context_takeover", client)] {
                    if offer.contains(parameter) || !limit {
                        prop_assert!(answer.contains(parameter), "{} to {}", answer, line);
                    }
                }
                prop_assert!(offer.contains("client_max_window_bits") || !answer.contains("client_max_window_bits"));
                prop_assert_eq!(offer.contains("server_max_window_bits"), answer.contains("server_max_window_bits=15"));
            }
        }
    }
}
