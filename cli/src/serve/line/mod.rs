//! The line to a process: a pair of stream sockets, of which the process has one end as its standard input. Both sides
//! write JSON objects, each on a line; its end tells the process that the command is gone.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::Notify;

mod message;

pub(super) use message::{Closed, Diagnostic, Entry, News, Said, Stage};

/// News that wait for a process that does not read. When it is full, the oldest is dropped: what is newer says more.
const WAITING: usize = 64;

/// The longest line, either way. A longer one is not sent, and not listened to.
const LINE: usize = 1024 * 1024;

/// Which end of a handoff a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Give,
    Take,
}

/// What is to be written to one process. Putting something in never waits: the writing is done by the line's owner, as
/// the process reads.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    /// Goes before all news, and is never dropped; one of each at most. A newer `give` takes the place of one that has
    /// not been sent: the process that it was for is no longer wanted.
    give: Option<OwnedFd>,
    take: Option<OwnedFd>,
    news: VecDeque<Vec<u8>>,
}

impl Outbox {
    pub(super) fn tell(&self, news: &News) {
        // These values have nothing that could not be written.
        let Ok(line) = serde_json::to_vec(news) else { return };
        if line.len() >= LINE {
            return;
        }
        let mut queue = self.queue();
        if queue.news.len() == WAITING {
            queue.news.pop_front();
        }
        queue.news.push_back(line);
        drop(queue);
        self.0.filled.notify_one();
    }

    /// Sends one end of a handoff; our copy is closed once it is on its way.
    pub(super) fn hand(&self, role: Role, end: OwnedFd) {
        let mut queue = self.queue();
        match role {
            Role::Give => queue.give = Some(end),
            Role::Take => queue.take = Some(end),
        }
        drop(queue);
        self.0.filled.notify_one();
    }

    fn next(&self) -> Option<Sending> {
        let mut queue = self.queue();
        let (role, end) = match (queue.take.take(), queue.give.take()) {
            (Some(end), give) => {
                queue.give = give;
                (Role::Take, end)
            }
            (None, Some(end)) => (Role::Give, end),
            (None, None) => return queue.news.pop_front().map(|line| Sending::new(line, None)),
        };
        let line: &[u8] = match role {
            Role::Give => br#"{"event":"give"}"#,
            Role::Take => br#"{"event":"take"}"#,
        };
        Some(Sending::new(line.to_vec(), Some((role, end))))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line on its way out.
#[derive(Debug)]
struct Sending {
    bytes: Vec<u8>,
    sent: usize,
    /// Goes with the first byte.
    end: Option<(Role, OwnedFd)>,
}

impl Sending {
    fn new(mut bytes: Vec<u8>, end: Option<(Role, OwnedFd)>) -> Self {
        bytes.push(b'\n');
        Self { bytes, sent: 0, end }
    }

    /// Writes what the socket takes.
    fn send(&mut self, stream: &UnixStream) -> io::Result<()> {
        let rest = [IoSlice::new(&self.bytes[self.sent..])];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = self.end.as_ref().map(|(_, end)| [end.as_fd()]);
        if let Some(descriptors) = &descriptors {
            control.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        self.sent += stream.try_io(Interest::WRITABLE, || {
            Ok(sendmsg(
                stream,
                &rest,
                &mut control,
                SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
            )?)
        })?;
        Ok(())
    }
}

/// The command's end of a line.
#[derive(Debug)]
pub(super) struct Line {
    /// None when the process has closed its end.
    stream: Option<UnixStream>,
    outbox: Outbox,
    sending: Option<Sending>,
    received: Vec<u8>,
    /// The line that comes is too long, and is not kept.
    skipping: bool,
    /// How many times `give` was said and not answered.
    owed: usize,
}

impl Line {
    /// A new line, and the end that is the process's standard input.
    pub(super) fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let line = Self {
            stream: Some(UnixStream::from_std(ours)?),
            outbox: Outbox::default(),
            sending: None,
            received: Vec::new(),
            skipping: false,
            owed: 0,
        };
        Ok((line, theirs.into()))
    }

    pub(super) fn outbox(&self) -> Outbox {
        self.outbox.clone()
    }

    /// Whether the process has still to say what became of the WebSockets that it was to give.
    pub(super) fn owes_an_answer(&self) -> bool {
        self.stream.is_some() && self.owed > 0
    }

    /// Writes what waits, and returns the next thing that the process says. Nothing is lost when this is dropped.
    pub(super) async fn next(&mut self) -> Said {
        loop {
            if let Some(said) = self.heard() {
                return said;
            }
            if self.sending.is_none() {
                self.sending = self.outbox.next();
            }
            let Some(stream) = &self.stream else {
                // Nobody reads: what is put in goes away, and descriptors with it.
                self.sending = None;
                while self.outbox.next().is_some() {}
                self.outbox.0.filled.notified().await;
                continue;
            };
            let interest = match self.sending {
                Some(_) => Interest::READABLE | Interest::WRITABLE,
                None => Interest::READABLE,
            };
            let done = tokio::select! {
                ready = stream.ready(interest) => ready.and_then(|ready| {
                    if ready.is_writable() {
                        self.write()?;
                    }
                    if ready.is_readable() || ready.is_read_closed() {
                        self.read()?;
                    }
                    Ok(())
                }),
                () = self.outbox.0.filled.notified() => Ok(()),
            };
            match done {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => self.stream = None,
            }
        }
    }

    fn write(&mut self) -> io::Result<()> {
        let (Some(stream), Some(sending)) = (&self.stream, &mut self.sending) else {
            return Ok(());
        };
        match sending.send(stream) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            sent => sent?,
        }
        if let Some((Role::Give, _)) = sending.end.take() {
            self.owed += 1;
        }
        if sending.sent == sending.bytes.len() {
            self.sending = None;
        }
        Ok(())
    }

    fn read(&mut self) -> io::Result<()> {
        let Some(stream) = &self.stream else { return Ok(()) };
        match stream.try_read_buf(&mut self.received)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// The next thing in what was received.
    fn heard(&mut self) -> Option<Said> {
        while let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.received.drain(..=end).collect();
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if let Some(said) = Said::read(&line) {
                match said {
                    // To an earlier `give` there may be no answer: nobody came, and then there was a newer one.
                    Said::Moved { .. } => self.owed = 0,
                    Said::Kept { .. } => self.owed = self.owed.saturating_sub(1),
                    Said::Views { .. } => {}
                }
                return Some(said);
            }
        }
        if self.skipping || self.received.len() > LINE {
            self.received.clear();
            self.skipping = true;
        }
        None
    }
}

#[cfg(test)]
mod tests;
