//! Who is alive, and since when the process is ending.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

/// Where a server stands between its start and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// Nothing new is begun; what runs is finished.
    Draining,
}

/// The life of one server, shared by all that must know when it ends. Holding it keeps nothing alive.
#[derive(Clone, Debug)]
pub(crate) struct Lifecycle {
    phase: Arc<watch::Sender<Phase>>,
    alive: mpsc::WeakSender<()>,
}

/// Waits until all that was alive has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Nothing is ever sent: the channel closes when the last sender is dropped, this one included.
    own: Option<mpsc::Sender<()>>,
    closed: mpsc::Receiver<()>,
}

/// Something alive. The server waits for its drop.
#[derive(Debug)]
pub(crate) struct Alive {
    /// `None` for what came when the wait was over.
    _sender: Option<mpsc::Sender<()>>,
}

impl Lifecycle {
    pub(crate) fn new() -> (Self, Ended) {
        let (sender, closed) = mpsc::channel(1);
        let lifecycle = Self {
            phase: Arc::new(watch::Sender::new(Phase::Running)),
            alive: sender.downgrade(),
        };
        let ended = Ended {
            own: Some(sender),
            closed,
        };
        (lifecycle, ended)
    }

    pub(crate) fn alive(&self) -> Alive {
        Alive {
            _sender: self.alive.upgrade(),
        }
    }

    /// Begins the end.
    pub(crate) fn drain(&self) {
        self.phase.send_replace(Phase::Draining);
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.phase.borrow() == Phase::Draining
    }

    /// Waits for the end to begin. Cancel safe.
    pub(crate) async fn draining(&self) {
        let mut phase = self.phase.subscribe();
        // It fails only without a sender, which `self` holds.
        let _ = phase.wait_for(|phase| *phase == Phase::Draining).await;
    }
}

impl Ended {
    /// Waits for the last [`Alive`]. Cancel safe.
    pub(crate) async fn wait(&mut self) {
        self.own = None;
        while self.closed.recv().await.is_some() {}
    }
}
