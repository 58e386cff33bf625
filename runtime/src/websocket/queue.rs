//! What waits for a connection, within bounds.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::init::Overflow;
use crate::pubsub::{Gap, Message};

/// How many messages may wait. A broadcast that does not fit is the [`Overflow`] policy's, a message of the handler's own
/// goes back to its sender.
const CAPACITY: usize = 1024;
/// What a broadcast takes beside its texts: the message, and what the allocator adds to each of its parts.
const AROUND: usize = 256;
/// How much may wait in bytes, where nothing else is said.
pub(crate) const MAX_BYTES: usize = 256 * 1024;

/// A queue of broadcasts and messages of the handler's own.
///
/// Of broadcasts it also counts the bytes, as if each were this connection's alone: the payload, the names, and what is
/// around them. It is full when they reach the limit, so the last to be taken may be of any size.
pub(super) struct Queue<M> {
    mail: VecDeque<Mail<M>>,
    /// What the broadcasts among them take.
    bytes: usize,
    max_bytes: usize,
    overflow: Overflow,
    /// Whether the handler wants to know of gaps.
    takes_gaps: bool,
}

pub(crate) enum Mail<M> {
    /// Shared by all members until it is received.
    Broadcast(Arc<Message>),
    Message(M),
    /// For the client, as it is.
    Forwarded(Arc<Message>),
    /// What the kernel did not take of frames that were on their way: it comes before anything else. Boxed: it is rare,
    /// and a queue has room for many.
    Rest(Box<Bytes>),
    /// Broadcasts that did not come.
    Gap(Arc<Gap>),
}

impl<M> Queue<M> {
    pub(super) fn new(max_bytes: usize, overflow: Overflow) -> Self {
        Self {
            mail: VecDeque::new(),
            bytes: 0,
            max_bytes,
            overflow,
            takes_gaps: false,
        }
    }

    /// From now on gaps are taken.
    pub(super) fn take_gaps(&mut self) {
        self.takes_gaps = true;
    }

    pub(super) fn takes_gaps(&self) -> bool {
        self.takes_gaps
    }

    /// Takes what waits, to be put back.
    pub(super) fn take_all(&mut self) -> VecDeque<Mail<M>> {
        self.bytes = 0;
        std::mem::take(&mut self.mail)
    }

    /// Puts what was taken before what has come since, whatever the bounds.
    pub(super) fn put_back(&mut self, mut mail: VecDeque<Mail<M>>) {
        self.bytes += mail.iter().map(Mail::size).sum::<usize>();
        mail.append(&mut self.mail);
        self.mail = mail;
    }

    pub(super) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Changes the bounds for what comes from now on.
    pub(super) fn bound(&mut self, max_bytes: usize, overflow: Overflow) {
        self.max_bytes = max_bytes;
        self.overflow = overflow;
    }

    /// What waits, to be dropped elsewhere.
    pub(super) fn take(&mut self) -> impl Sized + use<M> {
        self.bytes = 0;
        std::mem::take(&mut self.mail)
    }

    pub(super) fn overflow(&self) -> Overflow {
        self.overflow
    }

    pub(super) fn is_empty(&self) -> bool {
        self.mail.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.mail.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a message of the handler's own, or gives it back.
    pub(super) fn push(&mut self, message: M) -> Result<(), M> {
        if self.mail.len() >= CAPACITY {
            return Err(message);
        }
        self.mail.push_back(Mail::Message(message));
        Ok(())
    }

    /// Takes a broadcast, or says that there is no room for it.
    pub(super) fn push_broadcast(&mut self, mail: Mail<M>) -> bool {
        if self.is_full() && self.overflow == Overflow::DropOldest {
            self.drop_oldest();
        }
        let has_room = !self.is_full();
        if has_room {
            self.bytes += mail.size();
            self.mail.push_back(mail);
        }
        has_room
    }

    /// Takes what must be written before anything else.
    pub(super) fn pop_rest(&mut self) -> Option<Bytes> {
        let rest = self.mail.pop_front_if(|mail| matches!(mail, Mail::Rest(_)));
        let Some(Mail::Rest(rest)) = rest else {
            return None;
        };
        self.bytes -= rest.len();
        self.free_if_empty();
        Some(*rest)
    }

    fn is_full(&self) -> bool {
        self.mail.len() >= CAPACITY || self.bytes >= self.max_bytes && self.bytes > 0
    }

    fn drop_oldest(&mut self) {
        while self.is_full() {
            let oldest = self.mail.iter().position(Mail::is_broadcast);
            let Some(mail) = oldest.and_then(|index| self.mail.remove(index)) else {
                return;
            };
            self.bytes -= mail.size();
        }
    }

    pub(super) fn pop(&mut self) -> Option<Mail<M>> {
        let mail = self.mail.pop_front()?;
        self.bytes -= mail.size();
        self.free_if_empty();
        Some(mail)
    }

    /// An idle connection keeps no queue.
    fn free_if_empty(&mut self) {
        if self.mail.is_empty() {
            self.mail = VecDeque::new();
        }
    }
}

impl<M> Mail<M> {
    /// What it takes, were it nobody else's.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Broadcast(message) | Self::Forwarded(message) => {
                message.payload.len() + message.event.len() + message.channel.len() + AROUND
            }
            Self::Rest(bytes) => bytes.len(),
            Self::Gap(gap) => gap.channel.len() + AROUND,
            Self::Message(_) => 0,
        }
    }

    fn is_broadcast(&self) -> bool {
        matches!(self, Self::Broadcast(_) | Self::Forwarded(_) | Self::Gap(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pubsub::Payload;

    fn broadcast(payload: &[u8]) -> Mail<u32> {
        Mail::Broadcast(Arc::new(Message::new("c", None, "e", payload.to_vec())))
    }

    fn queue(max_bytes: usize, overflow: Overflow) -> Queue<u32> {
        Queue::new(max_bytes, overflow)
    }

    /// What waits: the first byte of broadcasts, and messages.
    fn rest(queue: &mut Queue<u32>) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop())
            .map(|mail| match mail {
                Mail::Broadcast(message) | Mail::Forwarded(message) => match &message.payload {
                    Payload::Binary(bytes) => bytes[0].into(),
                    text => panic!("{text:?}"),
                },
                Mail::Message(number) => number,
                Mail::Rest(bytes) => bytes[0].into(),
                Mail::Gap(gap) => panic!("{gap:?}"),
            })
            .collect()
    }

    #[test]
    fn bytes_are_counted_with_what_is_around_them_and_are_gone_with_the_last() {
        let mut queue = queue(1_000_000, Overflow::Close);
        for length in [1, 100, 1000] {
            assert!(queue.push_broadcast(broadcast(&vec![0; length])));
        }
        queue.push(7).unwrap();
        assert_eq!((queue.len(), queue.bytes()), (4, 1101 + 3 * (AROUND + 2)));
        assert_eq!(rest(&mut queue).len(), 4);
        assert_eq!((queue.bytes(), queue.mail.capacity()), (0, 0));
    }

    #[test]
    fn the_last_to_be_taken_may_be_of_any_size() {
        for max_bytes in [0, 1000] {
            let mut queue = queue(max_bytes, Overflow::DropNewest);
            queue.push(1).unwrap();
            assert!(queue.push_broadcast(broadcast(&[2; 5000])), "nothing of the sort waits");
            assert!(!queue.push_broadcast(broadcast(&[3])));
            queue.push(4).unwrap();
            assert_eq!(rest(&mut queue), [1, 2, 4]);
        }
    }

    #[test]
    fn the_oldest_broadcasts_make_room_and_messages_stay() {
        let mut queue = queue(3 * (AROUND + 100), Overflow::DropOldest);
        queue.push(100).unwrap();
        for number in 0..20 {
            assert!(queue.push_broadcast(broadcast(&[number; 100])));
        }
        assert_eq!(rest(&mut queue), [100, 17, 18, 19]);
    }

    #[test]
    fn messages_are_counted() {
        let mut queue = queue(usize::MAX, Overflow::DropOldest);
        for number in 0..CAPACITY {
            assert!(queue.push(u32::try_from(number).unwrap()).is_ok());
        }
        assert_eq!(queue.push(7), Err(7));
        assert!(!queue.push_broadcast(broadcast(&[0])), "no broadcast makes room");
    }
}
