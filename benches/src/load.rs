//! The load: one thread, raw sockets, one epoll. Every byte that comes back is checked.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::messages::{Messages, RING};
use crate::{Result, client};

const BUFFER: usize = 256 * 1024;
/// How long what is under way at the end may take to come.
const LAST: Duration = Duration::from_secs(5);

/// Clients of one server, all with the same messages.
pub struct Load {
    poll: Poll,
    clients: Vec<Client>,
    messages: Messages,
    buffer: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    /// Where it is on the way round the ring: in bytes, from its own start.
    to_send: usize,
    sent: usize,
    received: usize,
    /// Its first message's place in the ring.
    start: usize,
    /// When what is under way was due to be sent: only where latencies are measured.
    due: VecDeque<Instant>,
}

/// How much a server did.
#[derive(Clone, Copy, Debug)]
pub struct Throughput {
    /// Messages that came back.
    pub messages: u64,
    /// In this time.
    pub time: Duration,
    /// How long the server was on a core in it.
    pub server: Duration,
}

/// How long messages took to come back, from the moment at which they were due to be sent.
#[derive(Clone, Debug)]
pub struct Latencies(Vec<Duration>);

impl Load {
    /// Connects.
    ///
    /// # Errors
    /// When the server does not accept.
    pub fn connect(server: SocketAddr, path: &str, connections: usize, messages: Messages) -> Result<Self> {
        let poll = Poll::new()?;
        let mut clients = Vec::with_capacity(connections);
        for (number, stream) in client::open(server, path, connections)?.into_iter().enumerate() {
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry()
                .register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
            clients.push(Client {
                stream,
                to_send: 0,
                sent: 0,
                received: 0,
                start: number % RING,
                due: VecDeque::new(),
            });
        }
        Ok(Self {
            poll,
            clients,
            messages,
            buffer: vec![0; BUFFER],
        })
    }

    /// Keeps so many messages of each client under way, and counts what comes back after a time to warm up. The server's
    /// time on a core is asked for at both ends.
    ///
    /// # Errors
    /// When a connection ends, or something comes back that should not, or something does not.
    ///
    /// # Panics
    /// When more are to be under way than a ring of messages can tell apart.
    pub fn saturate(
        &mut self,
        depth: usize,
        warm_up: Duration,
        time: Duration,
        server: impl Fn() -> Result<Duration>,
    ) -> Result<Throughput> {
        assert!(depth < RING, "a ring tells no more apart");
        let mut events = Events::with_capacity(1024);
        for client in &mut self.clients {
            client.send(depth, &self.messages)?;
        }
        let begin = Instant::now() + warm_up;
        while Instant::now() < begin {
            self.turn(&mut events, begin, true)?;
        }
        let before = server()?;
        let begin = Instant::now();
        let end = begin + time;
        let mut messages = 0;
        let mut now = begin;
        while now < end {
            messages += self.turn(&mut events, end, true)?;
            now = Instant::now();
        }
        let throughput = Throughput {
            messages,
            time: now - begin,
            server: server()?.saturating_sub(before),
        };
        self.finish(&mut events)?;
        Ok(throughput)
    }

    /// Sends so many messages a second, by one client after another, whatever comes back.
    ///
    /// # Errors
    /// As [`saturate`](Self::saturate).
    pub fn pace(&mut self, rate: f64, time: Duration) -> Result<Latencies> {
        self.pace_beside(rate, time, || Ok(()))
    }

    /// As [`pace`](Self::pace), and does something else whenever nothing is due.
    ///
    /// # Errors
    /// As [`saturate`](Self::saturate), and when what else is done fails.
    pub fn pace_beside(
        &mut self,
        rate: f64,
        time: Duration,
        mut other: impl FnMut() -> Result<()>,
    ) -> Result<Latencies> {
        let mut events = Events::with_capacity(1024);
        let begin = Instant::now();
        let mut latencies = Latencies(Vec::new());
        let mut sent: u32 = 0;
        loop {
            let due = begin + Duration::from_secs_f64(f64::from(sent) / rate);
            let now = Instant::now();
            if now > begin + time {
                break;
            }
            let number = sent as usize % self.clients.len();
            // A client that can send no more is waited for: what is due meanwhile is late, and counts as late.
            if due > now || self.clients[number].due.len() + 1 >= RING {
                // Never asleep: the load has a core of its own, and waking up would be measured too.
                self.poll.poll(&mut events, Some(Duration::ZERO))?;
                for event in &events {
                    self.clients[event.token().0].take(&self.messages, &mut self.buffer, false, &mut latencies)?;
                }
                other()?;
                continue;
            }
            let client = &mut self.clients[number];
            client.due.push_back(due);
            client.send(1, &self.messages)?;
            sent += 1;
        }
        self.finish(&mut events)?;
        Ok(latencies)
    }

    /// Waits once, and takes what has come. Says how many messages that was.
    fn turn(&mut self, events: &mut Events, until: Instant, answers: bool) -> Result<u64> {
        let patience = until.saturating_duration_since(Instant::now());
        match self.poll.poll(events, Some(patience)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(0),
            polled => polled?,
        }
        let mut messages = 0;
        for event in events.iter() {
            let client = &mut self.clients[event.token().0];
            messages += client.take(&self.messages, &mut self.buffer, answers, &mut Latencies(Vec::new()))?;
        }
        Ok(messages)
    }

    /// Sends no more, and waits for all that is under way.
    fn finish(&mut self, events: &mut Events) -> Result<()> {
        let deadline = Instant::now() + LAST;
        while self.clients.iter().any(|client| !client.is_done(&self.messages)) {
            if Instant::now() > deadline {
                return Err("messages were lost".into());
            }
            self.turn(events, deadline, false)?;
        }
        self.clients.iter_mut().for_each(|client| client.due.clear());
        Ok(())
    }
}

impl Client {
    /// Sends more messages, as far as the kernel takes them now.
    fn send(&mut self, count: usize, messages: &Messages) -> Result<()> {
        self.to_send += count * messages.request_size();
        self.write(messages)
    }

    fn write(&mut self, messages: &Messages) -> Result<()> {
        let start = self.start * messages.request_size();
        while self.sent < self.to_send {
            let bytes = messages.request(start + self.sent, self.to_send - self.sent);
            match self.stream.write(bytes) {
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Takes what has come and sends as many messages again, if it answers. Says how many came.
    fn take(
        &mut self,
        messages: &Messages,
        buffer: &mut [u8],
        answers: bool,
        latencies: &mut Latencies,
    ) -> Result<u64> {
        let before = self.received / messages.echo_size();
        let start = self.start * messages.echo_size();
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err("the server has closed a connection".into()),
                Ok(read) => {
                    if !messages.is_echo(start + self.received, &buffer[..read]) {
                        return Err("what came back is not what was sent".into());
                    }
                    self.received += read;
                    // Less than there is room for: there was no more (epoll(7)).
                    if read < buffer.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        let came = self.received / messages.echo_size() - before;
        for due in self.due.drain(..came.min(self.due.len())) {
            latencies.0.push(due.elapsed());
        }
        self.send(if answers { came } else { 0 }, messages)?;
        Ok(came as u64)
    }

    fn is_done(&self, messages: &Messages) -> bool {
        self.sent == self.to_send
            && self.received / messages.echo_size() == self.sent / messages.request_size()
            && self.received.is_multiple_of(messages.echo_size())
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
impl Throughput {
    /// Messages a second.
    pub fn rate(&self) -> f64 {
        self.messages as f64 / self.time.as_secs_f64()
    }

    /// The share of the time that the server was on a core.
    pub fn busy(&self) -> f64 {
        self.server.as_secs_f64() / self.time.as_secs_f64()
    }

    /// How long the server was on a core for each message, in seconds.
    pub fn cost(&self) -> f64 {
        self.server.as_secs_f64() / self.messages as f64
    }
}

impl Latencies {
    /// The time within which this share of the messages came back.
    pub fn quantile(&mut self, share: f64) -> Option<Duration> {
        self.0.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index, below the length"
        )]
        let index = (share * self.0.len() as f64) as usize;
        self.0.get(index.min(self.0.len().saturating_sub(1))).copied()
    }
}
