//! Clients that mean no good. Each is driven step by step by whoever measures, so that a step is all that it takes of the
//! load's core, and the rate of steps is the rate of the abuse.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::Duration;

use crate::{Result, client};

/// How they abuse a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Handshakes that never end
    Handshakes,
    /// Half of a message of 16 KB, and then nothing
    Halves,
    /// Members of a channel who never read, while it is published to
    Stalled,
    /// Pings without end
    Pings,
    /// Connections that open and are cut
    Churn,
    /// 200,000 empty fragments
    Fragments,
    /// Messages as large as may be, whose echoes are read
    Large,
}

/// Abusers of one kind.
pub struct Abusers {
    kind: Kind,
    server: SocketAddr,
    crowd: VecDeque<TcpStream>,
    /// Whose turn it is.
    next: usize,
    payload: Vec<u8>,
    buffer: Vec<u8>,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Handshakes,
        Self::Halves,
        Self::Stalled,
        Self::Pings,
        Self::Churn,
        Self::Fragments,
        Self::Large,
    ];

    /// Its name in tables and among flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Handshakes => "handshakes",
            Self::Halves => "halves",
            Self::Stalled => "stalled",
            Self::Pings => "pings",
            Self::Churn => "churn",
            Self::Fragments => "fragments",
            Self::Large => "large",
        }
    }

    /// How many there are at a time.
    pub fn crowd(self) -> usize {
        match self {
            Self::Handshakes | Self::Halves => 2000,
            Self::Stalled => 200,
            Self::Pings => 20,
            Self::Churn | Self::Fragments => 1,
            Self::Large => 10,
        }
    }

    /// How many steps they take in a second.
    pub fn rate(self) -> u32 {
        match self {
            // A connection each, which on one core are as many as a server may be asked to accept beside its work.
            Self::Handshakes | Self::Churn => 500,
            // Nothing more is done.
            Self::Halves => 0,
            // Delivered to each of them.
            Self::Stalled => 100,
            // 2,000 pings or a megabyte each.
            Self::Pings | Self::Large => 50,
            // A connection and 200,000 frames.
            Self::Fragments => 20,
        }
    }
}

impl Abusers {
    /// Gathers a crowd.
    ///
    /// # Errors
    /// When the server does not accept it.
    pub fn new(kind: Kind, server: SocketAddr) -> Result<Self> {
        let mut crowd: VecDeque<_> = match kind {
            Kind::Handshakes => (0..kind.crowd()).map(|_| begin(server)).collect::<Result<_>>()?,
            Kind::Halves | Kind::Pings | Kind::Large => client::open(server, "/echo", kind.crowd())?.into(),
            Kind::Stalled => {
                let publisher = client::open(server, "/pub", 1)?;
                let members = client::open(server, "/sub", kind.crowd())?;
                publisher.into_iter().chain(members).collect()
            }
            Kind::Churn | Kind::Fragments => VecDeque::new(),
        };
        let payload = match kind {
            Kind::Pings => masked(0x89, &[]).repeat(2000),
            Kind::Stalled => masked(0x82, &[0; 1024]),
            Kind::Fragments => [begun(0x02), begun(0x00).repeat(200_000)].concat(),
            Kind::Halves => masked(0x82, &vec![0; 16_000])[..8000].to_vec(),
            Kind::Large => masked(0x82, &vec![0; 1_000_000]),
            Kind::Handshakes | Kind::Churn => Vec::new(),
        };
        for half in &mut crowd {
            if kind == Kind::Halves {
                half.write_all(&payload)?;
            }
            half.set_nonblocking(true)?;
        }
        if kind == Kind::Stalled {
            // More than they are sent before they are held up, and less than they are cut off for.
            for _ in 0..300 {
                crowd[0].write_all(&payload)?;
                sleep(Duration::from_millis(1));
            }
        }
        Ok(Self {
            kind,
            server,
            crowd,
            next: 0,
            payload,
            buffer: vec![0; 256 * 1024],
        })
    }

    /// Goes on.
    ///
    /// # Errors
    /// When the server does not accept another connection.
    pub fn step(&mut self) -> Result<()> {
        match self.kind {
            Kind::Halves => {}
            Kind::Handshakes => {
                // Among them those that the server has given up.
                self.crowd.pop_front();
                self.crowd.push_back(begin(self.server)?);
            }
            Kind::Stalled => drop((&self.crowd[0]).write(&self.payload)),
            Kind::Churn => {
                let mut stream = client::dial(self.server)?;
                stream.write_all(client::upgrade(self.server, "/echo").as_bytes())?;
            }
            Kind::Fragments => {
                let mut stream = client::dial(self.server)?;
                stream.write_all(client::upgrade(self.server, "/echo").as_bytes())?;
                stream.set_nonblocking(true)?;
                let _ = stream.write(&self.payload);
                self.crowd.push_back(stream);
                if self.crowd.len() > 100 {
                    self.crowd.pop_front();
                }
            }
            Kind::Pings | Kind::Large => {
                let number = self.next % self.crowd.len();
                self.next += 1;
                let mut stream = &self.crowd[number];
                while matches!(stream.read(&mut self.buffer), Ok(read) if read == self.buffer.len()) {}
                match stream.write(&self.payload) {
                    Ok(written) if written == self.payload.len() => {}
                    // The rest of the frame is never sent: this one has done what it could.
                    Ok(_) => {
                        let another = client::open(self.server, "/echo", 1)?.remove(0);
                        another.set_nonblocking(true)?;
                        self.crowd[number] = another;
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}

/// A handshake that has only begun.
fn begin(server: SocketAddr) -> Result<TcpStream> {
    let mut stream = client::dial(server)?;
    let request = client::upgrade(server, "/echo");
    stream.write_all(&request.as_bytes()[..request.len() / 2])?;
    Ok(stream)
}

/// A frame with a mask of zeros.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.extend(u8::try_from(0x80 | length)),
        length @ 126..=0xFFFF => {
            frame.push(0xFE);
            frame.extend(u16::try_from(length).unwrap_or_default().to_be_bytes());
        }
        length => {
            frame.push(0xFF);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// An empty frame that is to be continued.
fn begun(first: u8) -> Vec<u8> {
    masked(first, &[])
}
