//! The line to whoever started the process: orders that come on it, reports that go back. See `docs/protocol.md`.

use std::io;
use std::net::TcpListener as StdTcpListener;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::dev::Feed;
use crate::handoff::{self, Giver, Outcome};
use crate::line::{self, Receiver, Sender};

/// The longest line that is read.
const LONGEST: usize = 1024 * 1024;
/// How many reports wait for a supervisor that does not read.
const REPORTS: usize = 16;
/// How long the first orders may take to come.
const FIRST_ORDERS: Duration = Duration::from_secs(2);
/// How long what was broadcast at the end may take to the process that has taken over.
const LAST_BROADCASTS: Duration = Duration::from_secs(2);

/// The line, where there is one.
pub(super) struct Line {
    sender: Arc<Sender>,
    receiver: Receiver,
}

/// What the process is started with besides its environment.
#[derive(Debug, Default)]
pub(super) struct FirstOrders {
    /// The socket to the process that gives its connections.
    pub(super) take: Option<UnixStream>,
    /// The listening socket, where that is not inherited.
    pub(super) listener: Option<StdTcpListener>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Order {
    Give,
    Take,
    Listen,
    #[serde(other)]
    Other,
}

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Report {
    Moved {
        moved: usize,
        closed: Vec<Closed>,
        milliseconds: u128,
    },
    Kept {
        reason: String,
    },
}

#[derive(Debug, Serialize)]
struct Closed {
    reason: String,
    count: usize,
}

/// What gives, or goes on giving after it has given: what is broadcast at the end.
#[derive(Clone, Debug, Default)]
pub(super) struct Giving(Arc<Mutex<Option<Current>>>);

#[derive(Debug)]
struct Current {
    /// Ends after those that were started before it.
    task: JoinHandle<()>,
    /// Dropped when there is a newer one.
    is_newest: oneshot::Sender<()>,
}

/// Ends when there is a newer order to give, or the process is at its end.
pub(super) type Newer = oneshot::Receiver<()>;

/// The line on standard input, if that is a socket.
pub(super) fn line() -> io::Result<Option<Line>> {
    let input = std::io::stdin().as_fd().try_clone_to_owned()?;
    if rustix::net::sockopt::socket_type(&input) != Ok(rustix::net::SocketType::STREAM) {
        return Ok(None);
    }
    let (sender, receiver) = line::over(UnixStream::from(input), LONGEST)?;
    Ok(Some(Line {
        sender: Arc::new(sender),
        receiver,
    }))
}

impl Line {
    /// The orders that come at the beginning, up to that to take over. None is no reason not to serve.
    pub(super) async fn first_orders(&mut self) -> FirstOrders {
        let mut orders = FirstOrders::default();
        let taking = timeout(FIRST_ORDERS, async {
            while orders.take.is_none() {
                match self.receiver.next().await? {
                    Some(Order::Take) => orders.take = Some(self.receiver.descriptor()?.into()),
                    Some(Order::Listen) => orders.listener = Some(self.receiver.descriptor()?.into()),
                    // Not meant for a process that has nothing yet.
                    Some(Order::Give) => drop(self.receiver.descriptor()),
                    Some(Order::Other) => {}
                    None => break,
                }
            }
            Ok::<_, io::Error>(())
        });
        if let Err(error) = taking.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            tracing::warn!("nothing is taken over: {error}");
        }
        orders
    }

    /// From now on sends what `feed` has for the supervisor, one line after another.
    pub(super) fn report_from(&self, feed: &Feed) {
        let sender = Arc::clone(&self.sender);
        let (report, mut reports) = mpsc::channel(REPORTS);
        tokio::spawn(async move {
            while let Some(line) = reports.recv().await {
                self::report(&sender, &line).await;
            }
        });
        // One that does not fit is one that nobody hears.
        feed.report_to(move |line| drop(report.try_send(line)));
    }

    /// Does what is ordered, until the line ends: then whoever held it is gone. Other lines are for `tell`.
    pub(super) async fn attend(mut self, giver: Giver, giving: Giving, tell: impl Fn(&[u8])) {
        let sender = self.sender;
        loop {
            match self.receiver.line().await {
                Ok(Some(line)) => match serde_json::from_slice(&line) {
                    Ok(Order::Give) => match self.receiver.descriptor() {
                        Ok(socket) => giving.start(|newer| give(socket, giver.clone(), newer, Arc::clone(&sender))),
                        Err(error) => tracing::warn!("nothing is handed over: {error}"),
                    },
                    // Too late; what came with it must not be taken for what comes with the next.
                    Ok(Order::Take | Order::Listen) => drop(self.receiver.descriptor()),
                    _ => tell(&line),
                },
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!("the supervisor can't be heard any more: {error}");
                    return;
                }
            }
        }
    }
}

impl Giving {
    /// Starts to give. What has not begun before it, since its other process has not, is given up.
    pub(super) fn start<F>(&self, giving: impl FnOnce(Newer) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (is_newest, newer) = oneshot::channel();
        let giving = giving(newer);
        let mut current = self.lock();
        let before = current.take().map(|before| before.task);
        let task = tokio::spawn(async move {
            giving.await;
            if let Some(before) = before {
                // It is logged where it panics.
                let _ = before.await;
            }
        });
        *current = Some(Current { task, is_newest });
    }

    /// Waits until what was broadcast at the end has gone to the other process.
    pub(super) async fn end(&self) {
        let current = self.lock().take();
        if let Some(Current { task, is_newest }) = current {
            // What has not begun never will.
            drop(is_newest);
            // Whether it is in time or not, this is the end.
            let _ = timeout(LAST_BROADCASTS, task).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Current>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn give(socket: OwnedFd, giver: Giver, newer: Newer, line: Arc<Sender>) {
    match handoff::give(socket.into(), &giver, when(newer)).await {
        // The newer one is reported.
        Ok(None) => {}
        Ok(Some(outcome)) => {
            let Outcome {
                moved,
                closed,
                took,
                beyond,
            } = outcome;
            // The supervisor says it.
            tracing::debug!("{moved} WebSockets have moved");
            let closed = closed.into_iter().map(|(reason, count)| Closed { reason, count });
            report(
                &line,
                &Report::Moved {
                    moved,
                    closed: closed.collect(),
                    milliseconds: took.as_millis(),
                },
            )
            .await;
            handoff::forward(beyond).await;
        }
        Err(error) => {
            tracing::warn!("the WebSockets stay here: {error}");
            let reason = error.to_string();
            report(&line, &Report::Kept { reason }).await;
        }
    }
}

/// Ends when there is a newer one.
pub(super) async fn when(newer: Newer) {
    // Nothing is ever sent: it ends with its sender.
    let _ = newer.await;
}

async fn report(line: &Sender, report: &impl Serialize) {
    if let Err(error) = line.send(report, None).await {
        tracing::debug!("the supervisor can't be told: {error}");
    }
}
