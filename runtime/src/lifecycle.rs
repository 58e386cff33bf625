//! Who is alive, and since when the process is ending.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

/// Where a server stands between its start and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// Its connections may be about to move to another process: nothing new is begun until that is known.
    Holding,
    /// Nothing new is begun; what runs is finished.
    Draining,
    /// The same, and its WebSockets have moved to another process.
    Moved,
}

/// The life of one server, shared by all that must know when it ends. Holding it keeps nothing alive.
#[derive(Clone, Debug)]
pub(crate) struct Lifecycle {
    state: Arc<State>,
    alive: mpsc::WeakSender<()>,
}

#[derive(Debug)]
struct State {
    phase: watch::Sender<Phase>,
    /// Whether the end is announced: until it begins, all is served.
    leaves: AtomicBool,
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
            state: Arc::new(State {
                phase: watch::Sender::new(Phase::Running),
                leaves: AtomicBool::new(false),
            }),
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

    /// Announces the end, and waits for so long until it is to begin. Cancel safe: it stays announced.
    pub(crate) async fn leave(&self, delay: Duration) {
        if !delay.is_zero() {
            self.state.leaves.store(true, Ordering::Release);
            tracing::info!("the end begins in {delay:?}");
            sleep(delay).await;
        }
    }

    /// Whether the end has begun or is announced.
    pub(crate) fn is_leaving(&self) -> bool {
        self.state.leaves.load(Ordering::Acquire) || self.is_draining()
    }

    /// Begins the end.
    pub(crate) fn drain(&self) {
        self.state.phase.send_if_modified(|phase| {
            let begins = !phase.is_end();
            if begins {
                *phase = Phase::Draining;
            }
            begins
        });
    }

    /// Begins nothing new for a while. Says whether it did before.
    pub(crate) fn hold(&self) -> bool {
        self.state.phase.send_if_modified(|phase| {
            let holds = *phase == Phase::Running;
            if holds {
                *phase = Phase::Holding;
            }
            holds
        })
    }

    /// Ends what [`hold`](Self::hold) has begun: either its WebSockets have moved, which is the end, or all goes on.
    pub(crate) fn let_go(&self, has_moved: bool) {
        self.state.phase.send_if_modified(|phase| {
            let holds = *phase == Phase::Holding;
            if has_moved {
                *phase = Phase::Moved;
            } else if holds {
                *phase = Phase::Running;
            }
            has_moved || holds
        });
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.state.phase.borrow().is_end()
    }

    /// Whether the WebSockets have moved to another process.
    pub(crate) fn has_moved(&self) -> bool {
        *self.state.phase.borrow() == Phase::Moved
    }

    /// Waits until the WebSockets have moved to another process. Cancel safe.
    pub(crate) async fn moved(&self) {
        let mut phase = self.state.phase.subscribe();
        let _ = phase.wait_for(|phase| *phase == Phase::Moved).await;
    }

    /// Waits for the end to begin. Cancel safe.
    pub(crate) async fn draining(&self) {
        let mut phase = self.state.phase.subscribe();
        // It fails only without a sender, which `self` holds.
        let _ = phase.wait_for(|phase| phase.is_end()).await;
    }

    /// Whether something new may begin: waits while that is not known. Cancel safe.
    pub(crate) async fn may_begin(&self) -> bool {
        let mut phase = self.state.phase.subscribe();
        let phase = phase.wait_for(|phase| *phase != Phase::Holding).await;
        phase.is_ok_and(|phase| *phase == Phase::Running)
    }

    /// Whether a WebSocket may be opened here. Until the end it may; not where the others have moved. Cancel safe.
    pub(crate) async fn stays(&self) -> bool {
        let mut phase = self.state.phase.subscribe();
        let phase = phase.wait_for(|phase| *phase != Phase::Holding).await;
        phase.is_ok_and(|phase| *phase != Phase::Moved)
    }

    /// Waits until nothing new may be begun, for a while or for ever. Cancel safe.
    pub(crate) async fn holding(&self) {
        let mut phase = self.state.phase.subscribe();
        let _ = phase.wait_for(|phase| *phase != Phase::Running).await;
    }
}

impl Phase {
    fn is_end(self) -> bool {
        matches!(self, Self::Draining | Self::Moved)
    }
}

impl Ended {
    /// Waits for the last [`Alive`]. Cancel safe.
    pub(crate) async fn wait(&mut self) {
        self.own = None;
        while self.closed.recv().await.is_some() {}
    }
}
