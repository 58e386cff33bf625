//! A client that compresses, by zlib: an implementation that is not the server's.

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress};
use nova_tests::{Server, WebSocket};

/// The reserved bit of a compressed message.
pub(crate) const COMPRESSED: u8 = 0x40;
/// What a sender leaves off each message.
pub(crate) const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];
/// What browsers offer.
pub(crate) const OFFER: &str = "permessage-deflate; client_max_window_bits";
/// Room for the largest message of these tests.
const ROOM: usize = 200_000;

/// Connects with an offer, and gives what is answered.
pub(crate) fn offer(server: &Server, lines: &[&str]) -> (WebSocket, Option<String>) {
    let headers: Vec<_> = lines.iter().map(|line| ("sec-websocket-extensions", *line)).collect();
    let socket = WebSocket::open_with(server, "/", &headers, []);
    let answer = socket.handshake.header("sec-websocket-extensions").map(str::to_owned);
    (socket, answer)
}

/// A message of its own, compressed.
pub(crate) fn compressed(message: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(message.len() + 1024);
    let mut deflate = Compress::new(flate2::Compression::best(), false);
    deflate
        .compress_vec(message, &mut payload, FlushCompress::Sync)
        .unwrap();
    payload.truncate(payload.len() - TAIL.len());
    payload
}

/// A client that compresses.
pub(crate) struct Peer {
    pub(crate) socket: WebSocket,
    deflate: Compress,
    inflate: Decompress,
    pub(crate) server_takes_over: bool,
    pub(crate) client_takes_over: bool,
    /// The size of the payload that was last received.
    pub(crate) received: usize,
}

impl Peer {
    pub(crate) fn open(server: &Server) -> Self {
        Self::open_with(server, OFFER, 15)
    }

    /// A client with this offer, that keeps to what is answered and to a window of so many bits.
    pub(crate) fn open_with(server: &Server, line: &str, bits: u8) -> Self {
        Self::on(offer(server, &[line]).0, bits)
    }

    /// A client on a connection where compression is agreed on.
    pub(crate) fn on(socket: WebSocket, bits: u8) -> Self {
        let answer = socket.handshake.header("sec-websocket-extensions");
        let answer = answer.expect("compression is agreed on").to_owned();
        Self {
            socket,
            deflate: Compress::new_with_window_bits(flate2::Compression::best(), false, bits),
            inflate: Decompress::new(false),
            server_takes_over: !answer.contains("server_no_context_takeover"),
            client_takes_over: !answer.contains("client_no_context_takeover"),
            received: 0,
        }
    }

    /// A message's payload.
    pub(crate) fn compress(&mut self, message: &[u8]) -> Vec<u8> {
        if !self.client_takes_over {
            self.deflate.reset();
        }
        let mut payload = Vec::with_capacity(message.len() + 1024);
        let compressed = self.deflate.compress_vec(message, &mut payload, FlushCompress::Sync);
        compressed.unwrap();
        // Of an empty message after another zlib makes nothing at all.
        assert!(payload.ends_with(&TAIL) || message.is_empty() && payload.is_empty());
        payload.truncate(payload.len().saturating_sub(TAIL.len()));
        payload
    }

    pub(crate) fn send(&mut self, first: u8, message: &[u8]) {
        let payload = self.compress(message);
        self.socket.send(first | COMPRESSED, payload);
    }

    /// Waits for the next message: whether it came compressed, and what it is.
    pub(crate) fn receive(&mut self) -> (bool, Vec<u8>) {
        let (first, mut payload) = self.socket.receive_frame().expect("a message");
        self.received = payload.len();
        if first & COMPRESSED == 0 {
            return (false, payload);
        }
        if !self.server_takes_over {
            self.inflate.reset(false);
        }
        payload.extend(TAIL);
        let mut message = Vec::with_capacity(ROOM);
        let inflated = self
            .inflate
            .decompress_vec(&payload, &mut message, FlushDecompress::Sync);
        inflated.unwrap();
        (true, message)
    }

    /// Sends a message and expects it back.
    pub(crate) fn exchange(&mut self, first: u8, message: &[u8]) -> bool {
        self.exchange_for(first, message, message)
    }

    /// Sends a message and expects another.
    pub(crate) fn exchange_for(&mut self, first: u8, message: &[u8], expected: &[u8]) -> bool {
        self.send(first, message);
        let (is_compressed, back) = self.receive();
        assert!(back == expected, "{} bytes", message.len());
        is_compressed
    }
}
