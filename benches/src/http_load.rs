//! The load of plain requests: one thread, raw sockets, one epoll. Each client asks again when it has its answer, and every
//! byte of that is checked but for the date.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::load::Throughput;
use crate::{Result, client};

const BUFFER: usize = 64 * 1024;

/// Clients of one server, who all ask for the same.
pub struct HttpLoad {
    poll: Poll,
    clients: Vec<Client>,
    request: Vec<u8>,
    expected: Expected,
    buffer: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    /// How much of the answer that is under way has come.
    received: usize,
}

/// The answer, which is the same each time but for its date.
struct Expected {
    bytes: Vec<u8>,
    date: Range<usize>,
}

impl HttpLoad {
    /// Connects, and asks once by each client.
    ///
    /// # Errors
    /// When the server does not answer, or not with 200, or not all clients the same.
    pub fn connect(server: SocketAddr, path: &str, connections: usize) -> Result<Self> {
        let poll = Poll::new()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {server}\r\naccept: */*\r\nuser-agent: load\r\n\r\n");
        let mut expected: Option<Expected> = None;
        let mut clients = Vec::with_capacity(connections);
        for number in 0..connections {
            let mut stream = client::dial(server)?;
            stream.write_all(request.as_bytes())?;
            let answer = Expected::read(&mut stream)?;
            match &expected {
                Some(expected) if !expected.agrees(0, &answer.bytes) => return Err("two answers are different".into()),
                Some(_) => {}
                None => expected = Some(answer),
            }
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry()
                .register(&mut stream, Token(number), Interest::READABLE)?;
            clients.push(Client { stream, received: 0 });
        }
        Ok(Self {
            poll,
            clients,
            request: request.into_bytes(),
            expected: expected.ok_or("no connections")?,
            buffer: vec![0; BUFFER],
        })
    }

    /// How long an answer is, in bytes.
    pub fn answer_size(&self) -> usize {
        self.expected.bytes.len()
    }

    /// Keeps one request of each client under way, and counts the answers after a time to warm up. The server's time on a
    /// core is asked for at both ends.
    ///
    /// # Errors
    /// When a connection ends, or an answer is not as the first was.
    pub fn saturate(
        mut self,
        warm_up: Duration,
        time: Duration,
        server: impl Fn() -> Result<Duration>,
    ) -> Result<Throughput> {
        let mut events = Events::with_capacity(1024);
        for client in &mut self.clients {
            client.ask(&self.request)?;
        }
        let begin = Instant::now() + warm_up;
        while Instant::now() < begin {
            self.turn(&mut events, begin)?;
        }
        let before = server()?;
        let begin = Instant::now();
        let end = begin + time;
        let mut messages = 0;
        let mut now = begin;
        while now < end {
            messages += self.turn(&mut events, end)?;
            now = Instant::now();
        }
        Ok(Throughput {
            messages,
            time: now - begin,
            server: server()?.saturating_sub(before),
        })
    }

    /// Waits once, and asks again whoever has their answer. Says how many have.
    fn turn(&mut self, events: &mut Events, until: Instant) -> Result<u64> {
        let patience = until.saturating_duration_since(Instant::now());
        match self.poll.poll(events, Some(patience)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(0),
            polled => polled?,
        }
        let mut answers = 0;
        for event in events.iter() {
            let client = &mut self.clients[event.token().0];
            answers += client.take(&self.expected, &self.request, &mut self.buffer)?;
        }
        Ok(answers)
    }
}

impl Client {
    /// Sends a request whole: the kernel has room for one.
    fn ask(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(request)?)
    }

    fn take(&mut self, expected: &Expected, request: &[u8], buffer: &mut [u8]) -> Result<u64> {
        let mut answers = 0;
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err("the server has closed a connection".into()),
                Ok(read) => {
                    if !expected.agrees(self.received, &buffer[..read]) {
                        return Err("an answer is not as the first was".into());
                    }
                    self.received += read;
                    if self.received == expected.bytes.len() {
                        self.received = 0;
                        answers += 1;
                        self.ask(request)?;
                    }
                    // Less than there is room for: there was no more (epoll(7)).
                    if read < buffer.len() {
                        return Ok(answers);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(answers),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Expected {
    /// Reads an answer to its end.
    fn read(stream: &mut impl io::Read) -> Result<Self> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            if let Some(expected) = Self::whole(&bytes)? {
                return Ok(expected);
            }
            match stream.read(&mut buffer)? {
                0 => return Err("the server has closed a connection".into()),
                read => bytes.extend_from_slice(&buffer[..read]),
            }
        }
    }

    /// The answer, when all of it is there.
    fn whole(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(head) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else {
            return Ok(None);
        };
        let head = std::str::from_utf8(&bytes[..head])?;
        if !head.starts_with("HTTP/1.1 200 ") {
            return Err(format!("the server answers {head:?}").into());
        }
        let value = |name: &str| {
            let begin = head.find(&format!("\r\n{name}: "))? + name.len() + 4;
            let end = head[begin..].find("\r\n").map_or(head.len(), |end| begin + end);
            Some(begin..end)
        };
        let length = value("content-length").ok_or("an answer without a length")?;
        let length: usize = head[length].parse()?;
        let date = value("date").ok_or("an answer without a date")?;
        let whole = bytes.len() == head.len() + 4 + length;
        Ok(whole.then(|| Self {
            bytes: bytes.to_vec(),
            date,
        }))
    }

    /// Whether this is a part of the answer, from this place on.
    fn agrees(&self, from: usize, part: &[u8]) -> bool {
        let Some(own) = self.bytes.get(from..from + part.len()) else {
            return false;
        };
        let before = self.date.start.clamp(from, from + part.len()) - from;
        let after = self.date.end.clamp(from, from + part.len()) - from;
        own[..before] == part[..before] && own[after..] == part[after..]
    }
}
