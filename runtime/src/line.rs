//! A Unix stream socket that carries JSON objects, each on a line of its own, and descriptors beside them (`SCM_RIGHTS`,
//! unix(7)).

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::net::UnixStream;

/// The most descriptors that are sent at once: the kernel's own limit is 253.
pub(crate) const BATCH: usize = 64;
/// How much is read at once.
const READ: usize = 64 * 1024;

/// The receiving half.
#[derive(Debug)]
pub(crate) struct Receiver {
    stream: UnixStream,
    /// What was read and is not taken yet, and how much of it is known to have no end of a line.
    bytes: Vec<u8>,
    searched: usize,
    descriptors: VecDeque<OwnedFd>,
    /// The longest line that is taken.
    limit: usize,
}

/// The sending half.
#[derive(Debug)]
pub(crate) struct Sender(UnixStream);

/// Both halves of a line over this socket. A line longer than `limit` is an error.
///
/// # Panics
/// Outside an async runtime.
pub(crate) fn over(socket: StdUnixStream, limit: usize) -> io::Result<(Sender, Receiver)> {
    socket.set_nonblocking(true)?;
    let sender = Sender(UnixStream::from_std(socket.try_clone()?)?);
    let receiver = Receiver {
        stream: UnixStream::from_std(socket)?,
        bytes: Vec::new(),
        searched: 0,
        descriptors: VecDeque::new(),
        limit,
    };
    Ok((sender, receiver))
}

impl Receiver {
    /// The next object; `None` at the end. Cancel safe.
    ///
    /// # Errors
    /// When the socket fails, or a line is too long or not of this type.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let line = self.line().await?;
        line.map(|line| serde_json::from_slice(&line).map_err(io::Error::from))
            .transpose()
    }

    /// The next line; `None` at the end. Cancel safe.
    pub(crate) async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let unseen = &self.bytes[self.searched..];
            if let Some(end) = unseen.iter().position(|byte| *byte == b'\n') {
                let rest = self.bytes.split_off(self.searched + end + 1);
                let line = std::mem::replace(&mut self.bytes, rest);
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.bytes.len();
            if self.searched > self.limit {
                return Err(io::Error::other("a line is too long"));
            }
            if self.read().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Receives nothing more than what has come: the other side can't send any more.
    pub(crate) fn close(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(&self.stream, rustix::net::Shutdown::Read)?)
    }

    /// The descriptor that came with the line that was taken last. Each that names one takes one, in order.
    pub(crate) fn descriptor(&mut self) -> io::Result<OwnedFd> {
        let descriptor = self.descriptors.pop_front();
        descriptor.ok_or_else(|| io::Error::other("a descriptor did not come"))
    }

    async fn read(&mut self) -> io::Result<usize> {
        let start = self.bytes.len();
        self.bytes.resize(start + READ, 0);
        let read = loop {
            self.stream
                .readable()
                .await
                .inspect_err(|_| self.bytes.truncate(start))?;
            let read = self.stream.try_io(Interest::READABLE, || {
                receive(&self.stream, &mut self.bytes[start..], &mut self.descriptors)
            });
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => break read,
            }
        };
        self.bytes.truncate(start + *read.as_ref().unwrap_or(&0));
        read
    }
}

fn receive(socket: impl AsFd, bytes: &mut [u8], descriptors: &mut VecDeque<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let bytes = &mut [IoSliceMut::new(bytes)];
    let received = recvmsg(socket, bytes, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            descriptors.extend(received);
        }
    }
    if received.flags.contains(ReturnFlags::CTRUNC) {
        return Err(io::Error::other(
            "too many open files: descriptors were lost on their way",
        ));
    }
    Ok(received.bytes)
}

impl Sender {
    /// Sends an object, with a descriptor of which the receiver gets a copy.
    pub(crate) async fn send(&self, object: &impl Serialize, descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        self.write(&to_line(object)?, descriptor.as_slice()).await
    }

    /// Sends lines, with at most [`BATCH`] descriptors, which come before the first of them. Not cancel safe: a part may be
    /// sent.
    pub(crate) async fn write(&self, mut bytes: &[u8], mut descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.0.writable().await?;
            let sent = self
                .0
                .try_io(Interest::WRITABLE, || transmit(&self.0, bytes, descriptors));
            match sent {
                Ok(sent) => {
                    bytes = &bytes[sent..];
                    descriptors = &[];
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn transmit(socket: impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many descriptors at once"));
    }
    Ok(sendmsg(
        socket,
        &[IoSlice::new(bytes)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?)
}

/// An object as a line.
pub(crate) fn to_line(object: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(object)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::testing::run;

    fn pair() -> (Sender, Receiver) {
        let (one, other) = StdUnixStream::pair().unwrap();
        (over(one, 1000).unwrap().0, over(other, 200_000).unwrap().1)
    }

    #[test]
    fn lines_arrive_whole_with_their_descriptors_in_order() {
        run(async {
            let (sender, mut receiver) = pair();
            let sending = async {
                for round in 0..4_u8 {
                    let (mine, its): (Vec<_>, Vec<_>) = (0..10).map(|_| StdUnixStream::pair().unwrap()).unzip();
                    let lines: Vec<_> = (0..10).flat_map(|n| to_line(&(round, n)).unwrap()).collect();
                    let descriptors: Vec<_> = its.iter().map(AsFd::as_fd).collect();
                    sender.write(&lines, &descriptors).await.unwrap();
                    drop(its);
                    for (n, mut mine) in mine.into_iter().enumerate() {
                        mine.write_all(&[round, u8::try_from(n).unwrap()]).unwrap();
                    }
                    sender.send(&"no descriptor".repeat(10_000), None).await.unwrap();
                }
                drop(sender);
            };
            let receiving = async {
                for round in 0..4 {
                    for n in 0..10 {
                        assert_eq!(receiver.next::<(u8, u8)>().await.unwrap(), Some((round, n)));
                        let mut its = StdUnixStream::from(receiver.descriptor().unwrap());
                        let mut said = [0; 2];
                        its.read_exact(&mut said).unwrap();
                        assert_eq!(said, [round, n]);
                    }
                    assert_eq!(receiver.next::<String>().await.unwrap().unwrap().len(), 130_000);
                }
                assert_eq!(receiver.next::<String>().await.unwrap(), None);
                assert!(receiver.descriptor().is_err());
            };
            tokio::join!(sending, receiving);
        });
    }

    #[test]
    fn a_line_that_is_too_long_or_something_else_is_an_error() {
        run(async {
            let (sender, mut receiver) = pair();
            sender.send(&7, None).await.unwrap();
            assert!(receiver.next::<String>().await.is_err());
            let endless = vec![b'x'; 300_000];
            let received = tokio::select! {
                received = receiver.next::<String>() => received,
                _ = sender.write(&endless, &[]) => panic!("nobody reads that much"),
            };
            assert!(received.unwrap_err().to_string().contains("too long"));
        });
    }

    /// What the line takes of bytes that come in these pieces: objects, up to the end or the first error.
    fn taken(bytes: &[u8], cuts: &[usize]) -> Vec<Result<serde_json::Value, ()>> {
        run(async {
            let (one, other) = StdUnixStream::pair().unwrap();
            let (writer, mut receiver) = (one, over(other, 100).unwrap().1);
            let writing = async {
                let mut from = 0;
                for to in cuts.iter().copied().chain([bytes.len()]) {
                    // One that has had enough has ended it.
                    let _ = (&writer).write_all(&bytes[from..to]);
                    from = to;
                    tokio::task::yield_now().await;
                }
                drop(writer);
            };
            let reading = async {
                let mut taken = Vec::new();
                loop {
                    match receiver.next().await {
                        Ok(Some(object)) => taken.push(Ok(object)),
                        Ok(None) => return taken,
                        Err(_) => {
                            taken.push(Err(()));
                            return taken;
                        }
                    }
                }
            };
            tokio::join!(writing, reading).1
        })
    }

    proptest! {
        #[test]
        fn lines_are_taken_alike_however_they_are_cut(
            lines in vec(prop_oneof![
                8 => "\\{\"a\":[0-9]{1,9}\\}\n",
                2 => "\"[a-zé ]{0,60}\"\n",
                1 => "\n",
                1 => "[\\[{a-z\"]{1,5}\n",
                1 => "[a-z]{1,10}",
            ], 0..12),
            cuts in vec(any::<Index>(), 0..12),
        ) {
            let bytes = lines.concat().into_bytes();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let whole = taken(&bytes, &[]);
            prop_assert_eq!(taken(&bytes, &cuts), whole.clone());
            // As one would read it by hand: what has no end of a line is not taken.
            let text = String::from_utf8(bytes).unwrap();
            let complete = text.rsplit_once('\n').map_or("", |(complete, _)| complete);
            let has_any = text.contains('\n');
            let mut expected = Vec::new();
            for line in complete.split('\n').filter(|_| has_any) {
                expected.push(serde_json::from_str(line).map_err(drop));
                if expected.last().is_some_and(Result::is_err) {
                    break;
                }
            }
            prop_assert_eq!(whole, expected);
        }

        #[test]
        fn whatever_comes_is_taken_or_refused(bytes in vec(any::<u8>(), 0..300)) {
            taken(&bytes, &[]);
        }
    }
}
