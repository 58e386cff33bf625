//! Compression goes on, with what the client may refer back to.

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress};
use nova_tests::WebSocket;
use nova_tests::websocket::{BINARY, CONTINUATION, TEXT, begun, frame};

use crate::kit::Stage;

const COMPRESSED: u8 = 0x40;
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// A client that takes over what it has learnt, both ways.
struct Peer {
    socket: WebSocket,
    deflate: Compress,
    inflate: Decompress,
}

impl Peer {
    fn open(stage: &Stage) -> Self {
        let offer = [("sec-websocket-extensions", "permessage-deflate")];
        let socket = stage.open_with("/compressed", &offer);
        let answer = socket.handshake.header("sec-websocket-extensions").unwrap();
        assert!(!answer.contains("no_context_takeover"), "{answer}");
        Self {
            socket,
            deflate: Compress::new(flate2::Compression::best(), false),
            inflate: Decompress::new(false),
        }
    }

    fn compress(&mut self, message: &[u8]) -> Vec<u8> {
        let mut payload = Vec::with_capacity(message.len() + 1024);
        self.deflate
            .compress_vec(message, &mut payload, FlushCompress::Sync)
            .unwrap();
        payload.truncate(payload.len() - TAIL.len());
        payload
    }

    /// Waits for a message, and gives also how large its payload is.
    fn receive(&mut self) -> (Vec<u8>, usize) {
        let (first, mut payload) = self.socket.receive_frame().unwrap();
        assert_eq!(first & COMPRESSED, COMPRESSED);
        let size = payload.len();
        payload.extend(TAIL);
        let mut message = Vec::with_capacity(200_000);
        self.inflate
            .decompress_vec(&payload, &mut message, FlushDecompress::Sync)
            .unwrap();
        (message, size)
    }
}

/// Bytes of which none predicts another.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[test]
fn what_the_client_refers_back_to_is_known_after_several_moves() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut peer = Peer::open(&stage);
    let noise = noise(5000);
    for round in 0..4 {
        for time in 0..2 {
            let payload = peer.compress(&noise);
            let sent = payload.len();
            peer.socket.send(BINARY | COMPRESSED, payload);
            let (back, size) = peer.receive();
            assert!(back == noise, "in round {round}");
            // Noise that is known is short. What the client refers back to is known after a move; the server refers to what
            // it has said itself since then.
            let is_short = (sent < 200, size < 200);
            assert_eq!(is_short, (round + time > 0, time > 0), "{sent} {size} in {round}");
        }
        old = stage.replace_all(&mut old);
    }
}

#[test]
fn a_compressed_message_goes_on_wherever_it_was_cut() {
    let stage = Stage::new();
    let mut old = stage.old();
    for fragments in [1, 3] {
        let mut peers: Vec<_> = (0..24).map(|_| Peer::open(&stage)).collect();
        let text = "a compressed message, a compressed message and another one";
        let mut rests = Vec::new();
        for (number, peer) in peers.iter_mut().enumerate() {
            let payload = peer.compress(text.as_bytes());
            let bytes = if fragments == 1 {
                frame(TEXT | COMPRESSED, &payload)
            } else {
                let (first, rest) = payload.split_at(payload.len() / 3);
                let (second, third) = rest.split_at(rest.len() / 2);
                let parts = [
                    begun(TEXT | COMPRESSED, first),
                    begun(CONTINUATION, second),
                    frame(CONTINUATION, third),
                ];
                parts.concat()
            };
            let cut = bytes.len() * number / 24;
            peer.socket.send_bytes(&bytes[..cut]);
            rests.push(bytes[cut..].to_vec());
        }
        old = stage.replace_all(&mut old);
        for (peer, rest) in peers.iter_mut().zip(rests) {
            peer.socket.send_bytes(rest);
            let (back, _) = peer.receive();
            assert_eq!(String::from_utf8(back).unwrap(), format!("new 1 {text}"));
        }
    }
}
