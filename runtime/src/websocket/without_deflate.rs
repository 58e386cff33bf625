//! The handshake's part in compression, in a program that is built without it: whoever asks for it is told.

use std::sync::Once;

use http::{HeaderMap, HeaderValue};

use super::Compression;
use crate::wire::Codec;

/// Agrees on nothing.
pub(super) fn agree(_wanted: &Compression, _request: &HeaderMap) -> Option<(Codec, HeaderValue)> {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        tracing::error!(
            "a WebSocket handler asks for compression, and this program is built without it: enable the feature \
             `deflate` of nova-framework"
        );
    });
    None
}
