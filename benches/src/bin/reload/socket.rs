//! Clients of the counting handler: what they send, and whether the answers show that nothing was lost.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use nova_benches::{Result, client};

/// How long an answer may take: a connection may be on its way to another process.
const PATIENCE: Duration = Duration::from_secs(15);
const PATH: &str = "/chat/lobby";

/// One connection to the handler.
pub(crate) struct Socket {
    stream: TcpStream,
    sent: u64,
}

/// What an answer says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// This, and all before it is there and in order.
    Told(String),
    /// The handler has not seen what was sent before, or has answered something else.
    Wrong(String),
    /// The connection is gone.
    Closed,
}

impl Socket {
    pub(crate) fn open(server: SocketAddr, count: usize) -> Result<Vec<Self>> {
        let streams = client::open(server, PATH, count)?.into_iter();
        streams
            .map(|stream| {
                stream.set_read_timeout(Some(PATIENCE))?;
                // Gone as soon as it is closed.
                rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
                Ok(Self { stream, sent: 0 })
            })
            .collect()
    }

    /// Sends the next number, and reads what it is answered.
    pub(crate) fn exchange(&mut self) -> Answer {
        self.sent += 1;
        let number = self.sent;
        match self.ask(&number.to_string()) {
            Ok(Some(text)) => match text
                .split_once(' ')
                .and_then(|(seen, rest)| Some((seen, rest.split_once(' ')?)))
            {
                Some((seen, (echo, told))) if seen == number.to_string() && echo == seen => {
                    Answer::Told(told.to_owned())
                }
                _ => Answer::Wrong(text),
            },
            Ok(None) | Err(_) => Answer::Closed,
        }
    }

    /// The text of the next frame, or nothing where it is not a text.
    fn ask(&mut self, text: &str) -> io::Result<Option<String>> {
        // RFC 6455 §5.2: a text in one frame, masked with zeroes, and shorter than 126 bytes.
        let length = u8::try_from(text.len()).unwrap_or(125).min(125);
        let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
        frame.extend(&text.as_bytes()[..length.into()]);
        self.stream.write_all(&frame)?;
        let mut head = [0; 2];
        self.stream.read_exact(&mut head)?;
        let mut payload = vec![0; usize::from(head[1])];
        self.stream.read_exact(&mut payload)?;
        let is_text = head[0] == 0x81 && head[1] < 126;
        Ok(is_text.then(|| String::from_utf8_lossy(&payload).into_owned()))
    }
}
