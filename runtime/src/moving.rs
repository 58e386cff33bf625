//! What passes between a connection and who moves it to another process.

use std::num::NonZeroU8;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
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
    /// How many were asked to move and have not answered.
    unanswered: AtomicUsize,
    answered: Notify,
    /// For those that answer too late.
    verdict: watch::Sender<Option<Verdict>>,
}

/// The attempt that is under way, where connections find it.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Mutex<Option<Mover>>);

impl Mover {
    /// An attempt, with the parcels that it gathers: so many wait to be taken at most, then connections wait to give them.
    pub(crate) fn new(capacity: usize) -> (Self, mpsc::Receiver<Parcel>) {
        static ATTEMPTS: AtomicU8 = AtomicU8::new(0);
        let (parcels, receiver) = mpsc::channel(capacity);
        let mover = Inner {
            attempt: Attempt::new(ATTEMPTS.fetch_add(1, Ordering::Relaxed)).unwrap_or(Attempt::MAX),
            parcels,
            // The asking itself, so that nobody is the last before all are asked.
            unanswered: AtomicUsize::new(1),
            answered: Notify::new(),
            verdict: watch::Sender::new(None),
        };
        (Self(Arc::new(mover)), receiver)
    }

    pub(crate) fn attempt(&self) -> Attempt {
        self.0.attempt
    }

    /// One is asked. It answers once: with a parcel, or by its end.
    pub(crate) fn ask(&self) {
        self.0.unanswered.fetch_add(1, Ordering::SeqCst);
    }

    /// One that was asked has answered. All have been asked: that counts as one, too.
    pub(crate) fn answered(&self) {
        if self.0.unanswered.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.answered.notify_one();
        }
    }

    /// Waits until all have answered. Cancel safe.
    pub(crate) async fn all_answered(&self) {
        while self.0.unanswered.load(Ordering::SeqCst) > 0 {
            self.0.answered.notified().await;
        }
    }

    /// How many have not answered, or too late.
    pub(crate) fn unanswered(&self) -> usize {
        self.0.unanswered.load(Ordering::SeqCst)
    }

    /// Gives what a connection leaves, and waits for what becomes of it. Not cancel safe.
    pub(crate) async fn give(&self, content: Content) -> Verdict {
        if let Ok(place) = self.0.parcels.reserve().await {
            let (verdict, given) = oneshot::channel();
            // Before it is taken, so that nobody counts it as one that did not answer; who takes parcels waits for it.
            self.answered();
            place.send(Parcel { content, verdict });
            return given.await.unwrap_or(Verdict::Kept);
        }
        // Too late: what becomes of the others decides.
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
