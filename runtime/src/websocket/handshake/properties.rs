//! The opening handshake with arbitrary headers: it answers, whatever they say, and lets nothing in that is malformed.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The names that the handshake reads, and one that it does not.
const NAMES: [&str; 11] = [
    "host",
    "connection",
    "upgrade",
    "sec-websocket-version",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
    "sec-websocket-origin",
    "origin",
    "content-length",
    "x-other",
];

/// What a good handshake says, and what is not far from it.
const VALUES: [&str; 14] = [
    "a.example",
    "upgrade",
    "keep-alive, Upgrade",
    "websocket",
    "13",
    "8",
    KEY,
    "dGhlIHNhbXBsZSBub25jZQ",
    "https://a.example",
    "https://evil.example",
    "://",
    ",,;=\"",
    "0",
    "5",
];

fn any_value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => select(VALUES.to_vec()).prop_map(|value| value.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..40),
        1 => "[A-Za-z0-9+/]{22}==".prop_map(String::into_bytes),
    ]
}

fn settings() -> Settings {
    Settings {
        options: WebSocketOptions::default(),
        pubsub: PubSub::new(),
        wheel: Wheel::new(),
        lifecycle: crate::lifecycle::Lifecycle::new().0,
        state: Arc::new(()),
        console: None,
    }
}

fn key_of(opening: &Opening) -> &HeaderValue {
    match opening {
        Opening::Upgrade(key) => key,
        #[cfg(feature = "http2")]
        Opening::Connect => panic!("no request here is of HTTP/2"),
    }
}

fn request(headers: &[(&'static str, Vec<u8>)]) -> Parts {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    for (name, value) in headers {
        // HTTP lets no other value through.
        if let Ok(value) = HeaderValue::from_bytes(value) {
            parts.headers.append(*name, value);
        }
    }
    parts
}

proptest! {
    #[test]
    fn it_answers_whatever_the_headers_say(headers in vec((select(NAMES.to_vec()), any_value()), 0..12)) {
        let settings = settings();
        let parts = request(&headers);
        if let Ok(opening) = check(&parts, &settings) {
            prop_assert!(is_key(key_of(&opening)));
            prop_assert!(has_token(&parts.headers, header::UPGRADE, "websocket"));
            prop_assert!(!parts.headers.contains_key("content-length") || parts.headers["content-length"] == "0");
            prop_assert!(!parts.headers.values().any(|value| value == "https://evil.example"));
        }
        let terms = Terms { protocol: Some("a".to_owned()), ..Terms::default() };
        let response = accept(&Opening::Upgrade(HeaderValue::from_static(KEY)), &terms, &parts.headers);
        prop_assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    }

    #[test]
    fn what_a_good_one_says_besides_is_no_matter_or_refused(
        more in vec((select(NAMES.to_vec()), any_value()), 0..3),
        place in any::<prop::sample::Index>(),
    ) {
        let good = ["a.example", "upgrade", "websocket", "13", KEY].map(|value| value.as_bytes().to_vec());
        let mut headers: Vec<_> = NAMES.into_iter().zip(good).collect();
        let at = place.index(headers.len() + 1);
        headers.splice(at..at, more.clone());
        let parts = request(&headers);
        let once = ["host", "sec-websocket-version", "sec-websocket-key"];
        let repeated = once.iter().any(|name| parts.headers.get_all(*name).iter().count() > 1);
        let accepted = check(&parts, &settings());
        prop_assert!(!(repeated && accepted.is_ok()));
        let harmless = more.iter().all(|(name, _)| {
            matches!(*name, "connection" | "upgrade" | "x-other") || name.ends_with("protocol") || name.ends_with("extensions")
        });
        prop_assert!(!harmless || accepted.is_ok_and(|opening| key_of(&opening) == KEY));
    }
}
