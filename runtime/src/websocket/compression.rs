//! What a handler, or the configuration, wants of compression.

/// How the messages of a connection are compressed, where its client can: permessage-deflate
/// ([RFC 7692](https://www.rfc-editor.org/rfc/rfc7692)).
///
/// It is off unless asked for, by [`Accept::compress`](crate::Accept::compress) for the connections of one handler or
/// by the setting `websocket.compress` for all of them, and needs the feature `deflate` of `nova-framework`. The limit on
/// the size of a message holds while it is inflated.
///
/// ```
/// use nova::prelude::*;
/// use nova::{Accept, Compression};
/// # struct Ticker;
/// # impl WebSocketHandler for Ticker {
/// #     async fn handle(&mut self, _: Frame, _: &Socket) -> Commands { Commands::none() }
/// # }
///
/// async fn init() -> Accept<Ticker> {
///     Accept::new(Ticker).compress(Compression {
///         min_size: 1024,
///         ..Compression::default()
///     })
/// }
/// ```
///
/// # What it costs
///
/// By default messages stand alone, and nothing is kept for a connection between two of them: a worker has one
/// compressor (some 320 KB) and one decompressor (10 KB) for all of its connections. A broadcast of up to 64 KiB is
/// compressed once by each worker, however many of its connections get it.
///
/// The worker that runs a connection compresses and inflates for it: at level 1 a kilobyte takes tens of microseconds, a
/// megabyte milliseconds, in which the worker does nothing else.
///
/// Messages that may refer to those before them are smaller, the more alike they are, and each connection then keeps its
/// own contexts from first use until its end:
///
/// | field | kept for each connection |
/// | --- | --- |
/// | `server_context_takeover` | some 320 KB, from the first message that is compressed |
/// | `client_context_takeover` | what the client last said: at most 64 KiB, or less by `client_max_window_bits` |
///
/// A secret is not to be compressed together with what somebody else can choose: the size gives it away (RFC 7692 §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// From 1, the fastest and the default, to 9. Higher levels take several times as long, and make small messages
    /// hardly smaller. What is out of the range is taken as its nearest end.
    pub level: u8,
    /// Messages with fewer bytes are sent as they are. 256 by default.
    pub min_size: usize,
    /// Whether what is sent may refer to what was sent before (RFC 7692 §7.1.1.1). `false` by default; a client may
    /// refuse it.
    pub server_context_takeover: bool,
    /// Whether what the client sends may refer to what it sent before (RFC 7692 §7.1.1.2). `false` by default; a client
    /// may refuse it.
    pub client_context_takeover: bool,
    /// How far back it may, as a power of two from 9 to 15 (RFC 7692 §7.1.2.2): a connection keeps at most twice as many
    /// bytes. 15 by default. A client that can't be told to keep to it is not to refer back at all.
    ///
    /// There is no such choice for what is sent: the window of the compressor is always 15 bits. An offer that asks for
    /// less is not taken.
    pub client_max_window_bits: u8,
}

impl Default for Compression {
    fn default() -> Self {
        Self {
            level: 1,
            min_size: 256,
            server_context_takeover: false,
            client_context_takeover: false,
            client_max_window_bits: 15,
        }
    }
}
