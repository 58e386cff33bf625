//! The start of an application: what its start function is given, and what runs in its background.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::Config;
use crate::environment::Environment;
use crate::pubsub::PubSub;
use crate::unwind::caught;

/// How long tasks may take to let go of what they have, when they are ended.
const LET_GO_WITHIN: Duration = Duration::from_secs(1);

/// What an application has at its start, as its [start function](crate::App::start) is given it.
///
/// Cheap to clone; a clone may be part of the state.
#[derive(Clone)]
pub struct Start {
    config: Config,
    pubsub: PubSub,
    tasks: Shared,
}

/// The tasks of an application, which end with this.
pub(crate) struct Background(Shared);

type Shared = Arc<Mutex<Tasks>>;
type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
struct Tasks {
    phase: Phase,
    /// Those that begin when the application serves.
    waiting: Vec<Task>,
    running: JoinSet<()>,
}

#[derive(Default)]
enum Phase {
    #[default]
    Starting,
    /// The application serves, in this runtime.
    Serving(Handle),
    Over,
}

impl Start {
    pub(super) fn new(config: Config, pubsub: PubSub) -> (Self, Background) {
        let tasks = Shared::default();
        let background = Background(Arc::clone(&tasks));
        (Self { config, pubsub, tasks }, background)
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The environment that the application starts in.
    pub fn environment(&self) -> &Environment {
        self.config.environment()
    }

    /// The application's channels. What is broadcast in the start function itself has no members on this node yet, and no
    /// link to others.
    pub fn pubsub(&self) -> &PubSub {
        &self.pubsub
    }

    /// Runs a future in the background of the application, for as long as that serves.
    ///
    /// It **begins** when the application does: the start function has given the state by then, and so it can't wait for the
    /// task. Where an application takes over from a process before it, that is when everything has moved here.
    ///
    /// It **ends** by itself, or it is dropped at an `.await` of its own when the application ends:
    ///
    /// - at a signal (and in tests at `shut_down`): after the last request and the last WebSocket, or after
    ///   `server.shutdown_timeout` (30 s), and before the links to other nodes are closed. What it broadcasts till then is
    ///   sent. The process waits for a second at most until its tasks are dropped.
    /// - when a newer process has taken over: at that moment, whatever is still served here. The newer process begins its
    ///   own at the same moment; two don't tick at once for longer than it takes to say so. Where it can't take over, the
    ///   tasks here go on, and its own never begin.
    /// - when the future of `serve`, or the test's application, is dropped.
    ///
    /// What must not be cut there, as a payment that is under way, is to be found again by the next process. A panic ends
    /// the task alone, with its place in the log; nothing begins it again. A future that does not come to an `.await` for
    /// long, as one that computes, belongs into `spawn_blocking`, which nothing can end.
    ///
    /// Called later, on a clone, it begins at once, and when the application has ended, not at all.
    ///
    /// ```
    /// use nova::prelude::*;
    /// use std::time::Duration;
    ///
    /// async fn ticker(pubsub: PubSub) {
    ///     let mut interval = tokio::time::interval(Duration::from_secs(1));
    ///     loop {
    ///         interval.tick().await;
    ///         pubsub.broadcast("clock", "tick", "tock");
    ///     }
    /// }
    /// # fn routes() -> Routes { Routes::new() }
    ///
    /// let app = nova::App::new(routes).start(async |start| {
    ///     start.spawn(ticker(start.pubsub().clone()));
    ///     Ok(())
    /// });
    /// # nova::testing::run(async { drop(app.into_test().await) });
    /// ```
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let refused = lock(&self.tasks).spawn(Box::pin(task));
        // Not while the lock is held: it may have a `Start` that spawns as it is dropped.
        drop(refused);
    }
}

impl Tasks {
    /// Gives back what is too late.
    fn spawn(&mut self, task: Task) -> Option<Task> {
        match &self.phase {
            Phase::Starting => self.waiting.push(task),
            Phase::Serving(runtime) => {
                // Those that have ended are forgotten.
                while self.running.try_join_next().is_some() {}
                self.running.spawn_on(run(task), runtime);
            }
            Phase::Over => return Some(task),
        }
        None
    }
}

async fn run(task: Task) {
    if let Err(panic) = caught(task).await {
        tracing::error!("a task in the background has ended: {panic}");
    }
}

impl Background {
    /// Begins what was spawned. It must be called in a runtime.
    pub(crate) fn begin(&self) {
        let mut tasks = lock(&self.0);
        tasks.phase = Phase::Serving(Handle::current());
        for task in std::mem::take(&mut tasks.waiting) {
            // It serves: none is given back.
            tasks.spawn(task);
        }
    }

    /// Ends them, each at its next `.await`.
    pub(crate) fn abort(&self) {
        let waiting = {
            let mut tasks = lock(&self.0);
            tasks.phase = Phase::Over;
            tasks.running.abort_all();
            std::mem::take(&mut tasks.waiting)
        };
        // Not while the lock is held: they may have a `Start` that spawns as it is dropped.
        drop(waiting);
    }

    /// Ends them, and waits until they are gone.
    pub(crate) async fn end(self) {
        self.abort();
        let mut running = std::mem::take(&mut lock(&self.0).running);
        let all_ended = async { while running.join_next().await.is_some() {} };
        if timeout(LET_GO_WITHIN, all_ended).await.is_err() {
            let left = running.len();
            tracing::warn!("{left} tasks in the background come to no `.await`, and are left");
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.abort();
    }
}

fn lock(tasks: &Shared) -> MutexGuard<'_, Tasks> {
    tasks.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start").finish_non_exhaustive()
    }
}
