//! The connections that there are, for a developer who watches them. Where nobody does, as outside `dev`, a connection has
//! none of this.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::SystemTime;

use crate::pubsub::SubscriberId;
use crate::wire::{Frame, Text};

/// Watches the connections of an application, or of one of its routes.
#[derive(Clone)]
pub(crate) struct Watch {
    connections: Arc<Connections>,
    route: Arc<str>,
}

#[derive(Default)]
struct Connections {
    /// By number, so in the order in which they came. Held for some moves of memory.
    open: Mutex<BTreeMap<u64, Arc<Watched>>>,
    last: AtomicU64,
    total: Arc<Passed>,
}

/// What has passed, of one connection or of all.
#[derive(Default)]
pub(crate) struct Passed {
    pub(crate) connections: AtomicU64,
    pub(crate) frames_in: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) frames_out: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
}

/// One connection.
pub(crate) struct Watched {
    number: u64,
    pub(crate) route: Arc<str>,
    peer: OnceLock<SocketAddr>,
    pub(crate) since: SystemTime,
    pub(crate) passed: Passed,
    total: Arc<Passed>,
    connections: Weak<Connections>,
    this: Weak<Self>,
    socket: OnceLock<Weak<dyn Look>>,
}

/// What else can be seen of a connection.
pub(crate) trait Look: Send + Sync {
    /// Its name among subscribers.
    fn id(&self) -> SubscriberId;

    /// How many messages wait, and the bytes of the broadcasts among them.
    fn queue(&self) -> (usize, usize);

    /// The channels that it is in.
    fn channels(&self) -> Vec<Text>;
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            connections: Arc::default(),
            route: Arc::from(""),
        }
    }

    /// The same, for one route.
    pub(crate) fn of_route(&self, path: &str) -> Self {
        Self {
            connections: Arc::clone(&self.connections),
            route: path.into(),
        }
    }

    /// A connection that is not open yet.
    pub(crate) fn begin(&self, peer: Option<SocketAddr>) -> Arc<Watched> {
        Arc::new_cyclic(|this| Watched {
            number: self.connections.last.fetch_add(1, Ordering::Relaxed) + 1,
            route: Arc::clone(&self.route),
            peer: peer.map_or_else(OnceLock::new, OnceLock::from),
            since: SystemTime::now(),
            passed: Passed::default(),
            total: Arc::clone(&self.connections.total),
            connections: Arc::downgrade(&self.connections),
            this: Weak::clone(this),
            socket: OnceLock::new(),
        })
    }

    /// Those that are open, the latest first.
    pub(crate) fn open(&self) -> Vec<Arc<Watched>> {
        self.connections.lock().values().rev().cloned().collect()
    }

    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.connections.lock().len()
    }

    /// What has passed since the start.
    pub(crate) fn total(&self) -> &Passed {
        &self.connections.total
    }
}

impl Connections {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Watched>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    pub(super) fn look_at(&self, socket: Weak<dyn Look>) {
        // There is one socket to a connection.
        let _ = self.socket.set(socket);
    }

    /// Who is at the other end.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.peer.get().copied()
    }

    /// It has been accepted, or has come from another process, which knew who is at the other end.
    pub(super) fn open(&self, peer: Option<SocketAddr>) {
        if let Some(peer) = peer {
            self.peer.get_or_init(|| peer);
        }
        self.total.connections.fetch_add(1, Ordering::Relaxed);
        if let (Some(connections), Some(this)) = (self.connections.upgrade(), self.this.upgrade()) {
            connections.lock().insert(self.number, this);
        }
    }

    pub(super) fn end(&self) {
        if let Some(connections) = self.connections.upgrade() {
            let ended = connections.lock().remove(&self.number);
            drop(ended);
        }
    }

    pub(super) fn received(&self, frame: &Frame) {
        for passed in [&self.passed, &self.total] {
            passed.frames_in.fetch_add(1, Ordering::Relaxed);
            passed.bytes_in.fetch_add(frame.len() as u64, Ordering::Relaxed);
        }
    }

    pub(super) fn sent(&self, frames: usize, bytes: usize) {
        for passed in [&self.passed, &self.total] {
            passed.frames_out.fetch_add(frames as u64, Ordering::Relaxed);
            passed.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// The rest of it; `None` when it has ended.
    pub(crate) fn socket(&self) -> Option<Arc<dyn Look>> {
        self.socket.get()?.upgrade()
    }
}
