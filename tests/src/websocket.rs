//! A WebSocket client that speaks in bytes, so that it can say anything.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;

use crate::Server;
use crate::http::{Connection, Response};
use crate::stream::{Stream, uninterrupted};

/// The key of RFC 6455 §1.3.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// What a server makes of it.
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The first byte of a frame that is a whole text message.
pub const TEXT: u8 = 0x81;
/// The first byte of a frame that is a whole binary message.
pub const BINARY: u8 = 0x82;
/// The first byte of a frame that goes on with a message and ends it.
pub const CONTINUATION: u8 = 0x80;
/// The first byte of a close frame.
pub const CLOSE: u8 = 0x88;
/// The first byte of a ping.
pub const PING: u8 = 0x89;
/// The first byte of a pong.
pub const PONG: u8 = 0x8A;
/// Taken from a first byte, it makes the frame one that is continued.
pub const FIN: u8 = 0x80;

/// An open connection.
#[derive(Debug)]
pub struct WebSocket {
    stream: Box<dyn Stream>,
    input: Vec<u8>,
    /// The response that accepted.
    pub handshake: Response,
}

/// What a client receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A ping.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// A close frame: its code and reason.
    Close(Option<u16>, String),
    /// The end of the stream.
    End,
}

impl Received {
    /// A text message.
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// The same without the time after which a client is asked to come back, which must be there.
    #[must_use]
    pub fn without_hint(self) -> Self {
        let Self::Close(Some(code @ (1001 | 1012)), reason) = &self else {
            return self;
        };
        let hint = reason
            .strip_prefix("retry in ")
            .and_then(|rest| rest.strip_suffix(" ms"));
        assert!(
            hint.is_some_and(|time| time.parse::<u64>().is_ok_and(|time| time < 5000)),
            "{reason:?}"
        );
        Self::close(*code)
    }

    /// A close frame without a reason.
    pub fn close(code: u16) -> Self {
        Self::Close(Some(code), String::new())
    }
}

/// A request for an upgrade, with more headers.
pub fn upgrade(target: &str, headers: &[(&str, &str)]) -> String {
    let mut request = format!(
        "GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n"
    );
    for (name, value) in headers {
        write!(request, "{name}: {value}\r\n").unwrap();
    }
    request + "\r\n"
}

/// A client's frame: masked, its length in as few bytes as it needs.
pub fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    masked(first, [0x37, 0xFA, 0x21, 0x3D], payload)
}

/// A client's frame that is to be continued.
pub fn begun(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(first & !FIN, payload)
}

/// A client's frame with this mask.
pub fn masked(first: u8, mask: [u8; 4], payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut frame = header(first, payload.len());
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// The head of a masked frame, up to its length.
pub fn header(first: u8, length: usize) -> Vec<u8> {
    let mut header = vec![first];
    match length {
        0..=125 => header.push(0x80 | u8::try_from(length).unwrap()),
        126..=0xFFFF => {
            header.push(0x80 | 0x7E);
            header.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        _ => {
            header.push(0x80 | 0x7F);
            header.extend((length as u64).to_be_bytes());
        }
    }
    header
}

/// The payload of a close frame.
pub fn closing(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// Asks for an upgrade that is refused.
pub fn refused(server: &Server, target: &str, headers: &[(&str, &str)]) -> Response {
    let mut connection = server.connect();
    connection.send(upgrade(target, headers));
    let response = connection.response("GET");
    assert_ne!(response.status, 101, "the upgrade was accepted");
    response
}

impl WebSocket {
    /// Connects.
    pub fn open(server: &Server, target: &str) -> Self {
        Self::open_with(server, target, &[], [])
    }

    /// Connects with more headers, and with frames that are sent together with the request.
    pub fn open_with(
        server: &Server,
        target: &str,
        headers: &[(&str, &str)],
        pipelined: impl IntoIterator<Item = Vec<u8>>,
    ) -> Self {
        Self::upgraded(server.connect(), target, headers, pipelined)
    }

    /// Upgrades a connection.
    pub fn upgraded(
        mut connection: Connection,
        target: &str,
        headers: &[(&str, &str)],
        pipelined: impl IntoIterator<Item = Vec<u8>>,
    ) -> Self {
        let mut request = upgrade(target, headers).into_bytes();
        request.extend(pipelined.into_iter().flatten());
        connection.send(request);
        let handshake = connection.response("GET");
        Self::accepted(connection, handshake)
    }

    /// A connection whose upgrade has been answered with this.
    pub fn accepted(connection: Connection, handshake: Response) -> Self {
        assert_eq!(handshake.status, 101, "{:?}", String::from_utf8_lossy(&handshake.body));
        let (stream, input) = connection.into_parts();
        Self {
            stream,
            input,
            handshake,
        }
    }

    /// A connection that is open on a stream.
    pub fn on(stream: impl Stream + 'static, handshake: Response) -> Self {
        Self {
            stream: Box::new(stream),
            input: Vec::new(),
            handshake,
        }
    }

    /// Sends a frame.
    pub fn send(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        self.send_bytes(frame(first, payload));
    }

    /// Sends a text message.
    pub fn text(&mut self, text: &str) {
        self.send(TEXT, text);
    }

    /// Sends bytes, in one write.
    pub fn send_bytes(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends bytes, to a server that may have ended the connection.
    ///
    /// # Errors
    /// When it has.
    pub fn try_send_bytes(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// The client's own address, on a connection of its own.
    pub fn address(&self) -> SocketAddr {
        self.stream.socket().unwrap().local_addr().unwrap()
    }

    /// Sends nothing more.
    pub fn finish(&mut self) {
        self.stream.finish().unwrap();
    }

    /// Waits for the next frame as it is: its first byte and its payload. `None` is the end of the stream.
    pub fn receive_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let [first, second] = <[u8; 2]>::try_from(self.take(2)?).unwrap();
        assert_eq!(second & 0x80, 0, "a server's frame is not masked");
        let length = match second {
            126 => self.number(2),
            127 => self.number(8),
            short => usize::from(short),
        };
        Some((first, self.take(length).expect("the end of a frame")))
    }

    /// Waits for the next frame.
    pub fn receive(&mut self) -> Received {
        let Some((first, payload)) = self.receive_frame() else {
            return Received::End;
        };
        match first {
            TEXT => Received::Text(String::from_utf8(payload).unwrap()),
            BINARY => Received::Binary(payload),
            PING => Received::Ping(payload),
            PONG => Received::Pong(payload),
            CLOSE => match payload.split_at_checked(2) {
                Some((code, reason)) => Received::Close(
                    Some(u16::from_be_bytes(code.try_into().unwrap())),
                    String::from_utf8(reason.to_vec()).unwrap(),
                ),
                None => Received::Close(None, String::new()),
            },
            other => panic!("a frame that begins with {other:#x}"),
        }
    }

    /// Waits for the next frame, which is a text.
    pub fn receive_text(&mut self) -> String {
        match self.receive() {
            Received::Text(text) => text,
            other => panic!("{other:?} in place of a text"),
        }
    }

    /// What comes from now on, to the end of the stream.
    pub fn rest(&mut self) -> Vec<Received> {
        let rest = std::iter::from_fn(|| Some(self.receive()).filter(|received| *received != Received::End));
        rest.collect()
    }

    /// The same from a server that ends: without the time after which the client is asked to come back.
    pub fn last_words(&mut self) -> Vec<Received> {
        self.rest().into_iter().map(Received::without_hint).collect()
    }

    fn number(&mut self, bytes: usize) -> usize {
        let bytes = self.take(bytes).expect("a length");
        bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }

    /// Takes so many bytes. `None` when the stream ends before the first.
    fn take(&mut self, wanted: usize) -> Option<Vec<u8>> {
        let mut scratch = vec![0; 64 * 1024];
        while self.input.len() < wanted {
            match uninterrupted(|| self.stream.read(&mut scratch)) {
                Ok(0) => {
                    assert!(self.input.is_empty(), "the stream ends within a frame");
                    return None;
                }
                Ok(read) => self.input.extend_from_slice(&scratch[..read]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing came: {error}"),
            }
        }
        Some(self.input.drain(..wanted).collect())
    }
}
