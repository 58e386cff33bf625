//! What passes between a connection and who moves it to another process.

use std::num::NonZeroU8;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, oneshot, watch};

/// What a connection leaves for who moves it.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) content: Content,
    /// What becomes of the connection, which waits for it. Dropping it is [`Verdict::Kept`].
    pub(crate) verdict: oneshot::Sender<Verdict>,
}

#[derive(Debug)]
pub(crate) enum Content {
    /// All that there is of it, as a JSON object, and its stream.
    Snapshot(String, Arc<TcpStream>),
    /// It can't be moved, for this reason.
    Stays(String),
}

/// What has become of a connection that was to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on here: nothing was moved.
    Kept,
    /// It goes on in the other process.
    Moved,
    /// The others have moved, and it has not.
    LeftBehind,
}

/// Which attempt it is. One that follows another has another number: who was asked by the one does not answer the other.
pub(crate) type Attempt = NonZeroU8;

/// One attempt to move all connections. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Mover(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    attempt: Attempt,
    parcels: mpsc::Sender<Parcel>,
    /// How many were asked to move and have neither stopped nor ended.
    busy: AtomicUsize,
    /// How many have stopped, and wait for a place.
    waiting: AtomicUsize,
    /// One of these has become nothing.
    changed: Notify,
    /// For those that answer too late.
    verdict: watch::Sender<Option<Verdict>>,
}

/// A place for what one connection leaves.
#[derive(Debug)]
pub(crate) struct Place<'a>(mpsc::Permit<'a, Parcel>);

/// The attempt that is under way, where connections find it.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Mutex<Option<Mover>>);

fn numbered(attempt: usize) -> Attempt {
    u8::try_from(attempt % 255).map_or(Attempt::MAX, |number| Attempt::MIN.saturating_add(number))
}

impl Mover {
    /// An attempt, with the parcels that it gathers: so many wait to be taken at most, then connections wait to give them.
    pub(crate) fn new(capacity: usize) -> (Self, mpsc::Receiver<Parcel>) {
        static ATTEMPTS: AtomicUsize = AtomicUsize::new(0);
        let (parcels, receiver) = mpsc::channel(capacity);
        let mover = Inner {
            attempt: numbered(ATTEMPTS.fetch_add(1, Ordering::Relaxed)),
            parcels,
            // The asking itself, so that nobody is the last before all are asked.
            busy: AtomicUsize::new(1),
            waiting: AtomicUsize::new(0),
            changed: Notify::new(),
            verdict: watch::Sender::new(None),
        };
        (Self(Arc::new(mover)), receiver)
    }

    pub(crate) fn attempt(&self) -> Attempt {
        self.0.attempt
    }

    /// One is asked. It answers once: by stopping, or by its end.
    pub(crate) fn ask(&self) {
        self.0.busy.fetch_add(1, Ordering::SeqCst);
    }

    /// One that was asked has ended. All have been asked: that counts as one, too.
    pub(crate) fn answered(&self) {
        self.less(&self.0.busy);
    }

    fn less(&self, count: &AtomicUsize) {
        if count.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.changed.notify_one();
        }
    }

    /// Waits until all have stopped or ended. Cancel safe.
    pub(crate) async fn all_stopped(&self) {
        self.none(&self.0.busy).await;
    }

    /// Waits until all that have stopped have a place. Cancel safe.
    pub(crate) async fn all_placed(&self) {
        self.none(&self.0.waiting).await;
    }

    /// One task waits at a time.
    async fn none(&self, count: &AtomicUsize) {
        while count.load(Ordering::SeqCst) > 0 {
            self.0.changed.notified().await;
        }
    }

    /// How many have not answered, or too late.
    pub(crate) fn late(&self) -> usize {
        self.0.busy.load(Ordering::SeqCst) + self.0.waiting.load(Ordering::SeqCst)
    }

    /// One that was asked has stopped. It waits for a place for what it leaves, which is made then: of very many connections
    /// few are in memory twice. `None` where it is too late. Not cancel safe.
    pub(crate) async fn place(&self) -> Option<Place<'_>> {
        self.0.waiting.fetch_add(1, Ordering::SeqCst);
        self.less(&self.0.busy);
        let place = self.0.parcels.reserve().await.ok()?;
        // Before it is given: who takes parcels waits for it.
        self.less(&self.0.waiting);
        Some(Place(place))
    }

    /// Waits for what becomes of one that came too late: what becomes of the others decides. Cancel safe.
    pub(crate) async fn too_late(&self) -> Verdict {
        let mut verdict = self.0.verdict.subscribe();
        match verdict.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(Verdict::LeftBehind)) => Verdict::LeftBehind,
            _ => Verdict::Kept,
        }
    }

    /// Tells those that have come too late.
    pub(crate) fn decide(&self, verdict: Verdict) {
        self.0.verdict.send_replace(Some(verdict));
    }
}

impl Place<'_> {
    /// Gives it. What becomes of it is to be waited for; it is [`Verdict::Kept`] where nobody says.
    pub(crate) fn give(self, content: Content) -> oneshot::Receiver<Verdict> {
        let (verdict, given) = oneshot::channel();
        self.0.send(Parcel { content, verdict });
        given
    }
}

impl UnderWay {
    pub(crate) fn begin(&self, mover: Mover) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(mover);
    }

    pub(crate) fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn get(&self) -> Option<Mover> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_attempt_has_the_number_of_the_one_before_it() {
        assert!((0..1000).all(|attempt| numbered(attempt) != numbered(attempt + 1)));
    }
}
