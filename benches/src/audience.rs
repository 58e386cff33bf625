//! The load of a broadcast: one publisher, and an audience that takes everything. One thread, raw sockets, one epoll. Every
//! byte that comes is checked: each member gets every message, in order and unchanged.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::messages::{Messages, RING};
use crate::{Result, client};

const BUFFER: usize = 256 * 1024;
/// How long the members may take to get what was broadcast.
const PATIENCE: Duration = Duration::from_secs(10);

/// A publisher, and the members of the channel that it publishes to.
pub struct Audience {
    poll: Poll,
    publisher: std::net::TcpStream,
    members: Vec<Member>,
    messages: Messages,
    /// How many messages were published.
    published: usize,
    buffer: Vec<u8>,
}

struct Member {
    stream: TcpStream,
    /// In bytes; nothing before it has joined.
    received: usize,
}

/// What became of broadcasts.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Messages that came, to all members together.
    pub deliveries: u64,
    /// In this time.
    pub time: Duration,
    /// How long the server was on a core in it.
    pub server: Duration,
    /// From the first member that has all of a round to the last, for each round.
    pub spread: Vec<Duration>,
    /// From the publisher's write to the last member.
    pub last: Vec<Duration>,
}

impl Audience {
    /// Connects the members, and then the publisher.
    ///
    /// # Errors
    /// When the server does not accept.
    pub fn connect(server: SocketAddr, paths: (&str, &str), members: usize, messages: Messages) -> Result<Self> {
        let poll = Poll::new()?;
        let (sub, publish) = paths;
        let mut connected = Vec::with_capacity(members);
        for (number, stream) in client::open(server, sub, members)?.into_iter().enumerate() {
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry()
                .register(&mut stream, Token(number), Interest::READABLE)?;
            connected.push(Member { stream, received: 0 });
        }
        let publisher = client::open(server, publish, 1)?.pop().ok_or("no publisher")?;
        let mut audience = Self {
            poll,
            publisher,
            members: connected,
            messages,
            published: 0,
            buffer: vec![0; BUFFER],
        };
        audience.join()?;
        Ok(audience)
    }

    /// A server may answer a handshake before the member is in the channel: so messages are published until each has had
    /// one.
    fn join(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut events = Events::with_capacity(1024);
        while self.members.iter().any(|member| member.received == 0) {
            if Instant::now() > deadline {
                return Err("not every member has joined".into());
            }
            self.publish(1)?;
            while self.poll_once(&mut events, Duration::from_millis(100))? > 0 {
                for event in &events {
                    self.members[event.token().0].take(&self.messages, self.published, &mut self.buffer)?;
                }
            }
        }
        Ok(())
    }

    /// Publishes so many messages in one write, waits until every member has them, and begins again. The server's time on
    /// a core is asked for at both ends, after a time to warm up.
    ///
    /// # Errors
    /// When a connection ends, or something comes that should not, or something does not.
    pub fn rounds(
        &mut self,
        depth: usize,
        warm_up: Duration,
        time: Duration,
        server: impl Fn() -> Result<Duration>,
    ) -> Result<Delivery> {
        let mut events = Events::with_capacity(1024);
        let begin = Instant::now() + warm_up;
        while Instant::now() < begin {
            self.round(depth, &mut events)?;
        }
        let before = server()?;
        let begin = Instant::now();
        let (mut spread, mut last) = (Vec::new(), Vec::new());
        while begin.elapsed() < time {
            let (first_came, last_came) = self.round(depth, &mut events)?;
            spread.push(last_came.saturating_sub(first_came));
            last.push(last_came);
        }
        Ok(Delivery {
            deliveries: (self.members.len() * depth * last.len()) as u64,
            time: begin.elapsed(),
            server: server()?.saturating_sub(before),
            spread,
            last,
        })
    }

    /// When the first member and the last had everything, from the publisher's write on.
    fn round(&mut self, depth: usize, events: &mut Events) -> Result<(Duration, Duration)> {
        self.publish(depth)?;
        let sent = Instant::now();
        let target = self.published * self.messages.echo_size();
        let mut missing = self.members.len();
        let mut first = None;
        while missing > 0 {
            if self.poll_once(events, PATIENCE)? == 0 {
                return Err("messages were lost".into());
            }
            for event in events.iter() {
                let member = &mut self.members[event.token().0];
                let had_all = member.received == target;
                member.take(&self.messages, self.published, &mut self.buffer)?;
                if member.received > target {
                    return Err("something was sent twice".into());
                }
                if !had_all && member.received == target {
                    first.get_or_insert_with(|| sent.elapsed());
                    missing -= 1;
                }
            }
        }
        let last = sent.elapsed();
        Ok((first.unwrap_or(last), last))
    }

    fn publish(&mut self, count: usize) -> Result<()> {
        let size = self.messages.request_size();
        let start = self.published * size;
        // A ring at most is one slice.
        assert!(count <= RING, "a ring tells no more apart");
        self.publisher.write_all(self.messages.request(start, count * size))?;
        self.published += count;
        Ok(())
    }

    fn poll_once(&mut self, events: &mut Events, patience: Duration) -> Result<usize> {
        match self.poll.poll(events, Some(patience)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            polled => polled?,
        }
        Ok(events.iter().count())
    }
}

impl Member {
    /// Takes what has come. The first is any of those that were published; it counts as if those before had come too.
    fn take(&mut self, messages: &Messages, published: usize, buffer: &mut [u8]) -> Result<()> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err("the server has closed a connection".into()),
                Ok(read) => {
                    let came = &buffer[..read];
                    if self.received == 0 {
                        let mut starts = (0..published).rev().map(|number| number * messages.echo_size());
                        self.received = starts.find(|start| messages.is_echo(*start, came)).unwrap_or(0);
                    }
                    if !messages.is_echo(self.received, came) {
                        return Err("what came is not what was published".into());
                    }
                    self.received += read;
                    // Less than there is room for: there was no more (epoll(7)).
                    if read < buffer.len() {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
impl Delivery {
    /// Deliveries a second.
    pub fn rate(&self) -> f64 {
        self.deliveries as f64 / self.time.as_secs_f64()
    }

    /// How long the server was on a core for each delivery, in seconds.
    pub fn cost(&self) -> f64 {
        self.server.as_secs_f64() / self.deliveries as f64
    }

    /// The share of the time that the server was on a core.
    pub fn busy(&self) -> f64 {
        self.server.as_secs_f64() / self.time.as_secs_f64()
    }
}
