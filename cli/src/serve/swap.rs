//! The application's processes: each one started on the lent listener, heard until it is ready, stopped when told.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::deadline;
use super::group::Group;
use super::listen::Loan;
use super::readiness::{Readiness, Word};

/// How long a process may take from its start to `READY=1`.
pub(super) const READY_WITHIN: Duration = Duration::from_secs(10);

/// How long a process that was told to end may take to say that it accepts no more connections.
const STOPPING_WITHIN: Duration = Duration::from_millis(250);

/// How long a killed process may take to be gone. Only one that hangs in the kernel takes longer.
const GONE_AFTER_KILL: Duration = Duration::from_secs(2);

/// Reports that wait to be read. When it is full, the processes' tasks wait; the processes themselves do not.
const REPORTS: usize = 16;

/// A process, for as long as the command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(pub(super) u64);

/// What has become of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// It accepts connections.
    Ready(Id),
    /// It was told to end, and accepts no more connections, or has had the time for that.
    Stopping(Id),
    /// It is no more. Nothing follows.
    Ended(Id, Ending),
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// By itself, or because it was told to.
    Exited(ExitStatus),
    /// Killed, because it was not ready in time.
    Late,
    /// It was never there.
    NotStarted(String),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // "exit status: 101", "signal: 9 (SIGKILL)"
            Self::Exited(status) => write!(f, "ended with {status}"),
            Self::Late => write!(f, "was not ready within {} s", READY_WITHIN.as_secs()),
            Self::NotStarted(reason) => write!(f, "can't be started: {reason}"),
        }
    }
}

/// What a process is told. Only the latest order counts, and none is weaker than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Run,
    /// End in order; what is left at this time is killed.
    Stop(Instant),
    Kill,
}

/// How the application is started, apart from which build of it.
#[derive(Debug)]
pub(super) struct Launch {
    pub(super) root: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) environment: String,
}

impl Launch {
    fn command(&self, program: &Path, loan: &Loan, notify: OsString) -> Command {
        let mut command = Command::new(program);
        command.args(&self.args).current_dir(&self.root);
        command.env("LISTEN_FDS", "1").env("LISTEN_FDS_FIRST_FD", loan.number());
        // Where the command itself was started on a socket, these speak of that one.
        command.env_remove("LISTEN_PID").env_remove("LISTEN_FDNAMES");
        command.env("NOTIFY_SOCKET", notify);
        command.env("NOVA_SUPERVISED", "stdin").stdin(Stdio::piped());
        command.env("NOVA_ENV", &self.environment);
        command.process_group(0).kill_on_drop(true);
        command
    }
}

/// All processes that have been started and not been reported as ended.
#[derive(Debug)]
pub(super) struct Processes {
    launch: Launch,
    /// The owner of every task: dropping it ends them, and with them their processes.
    tasks: JoinSet<()>,
    orders: HashMap<Id, watch::Sender<Order>>,
    sender: mpsc::Sender<Report>,
    reports: mpsc::Receiver<Report>,
}

impl Processes {
    pub(super) fn new(launch: Launch) -> Self {
        let (sender, reports) = mpsc::channel(REPORTS);
        Self {
            launch,
            tasks: JoinSet::new(),
            orders: HashMap::new(),
            sender,
            reports,
        }
    }

    /// Starts `program` as process `id`. A failure to start is reported as its end.
    pub(super) fn start(&mut self, id: Id, program: &Path, loan: io::Result<Loan>) {
        let (orders, order) = watch::channel(Order::Run);
        let started = loan.and_then(|loan| Process::start(id, &self.launch, program, &loan, order));
        let sender = self.sender.clone();
        self.orders.insert(id, orders);
        self.tasks.spawn(async move {
            let ending = match started {
                Ok(process) => process.run(&sender).await,
                Err(error) => Ending::NotStarted(error.to_string()),
            };
            // Nobody reads when all is being dropped.
            let _ = sender.send(Report::Ended(id, ending)).await;
        });
    }

    /// Tells a process to end in order, within `grace`; then it is killed. Told again, only the time counts.
    pub(super) fn stop(&self, id: Id, grace: Duration) {
        self.order(id, Order::Stop(Instant::now() + grace));
    }

    /// Kills a process and all that it has started.
    pub(super) fn kill(&self, id: Id) {
        self.order(id, Order::Kill);
    }

    fn order(&self, id: Id, order: Order) {
        if let Some(orders) = self.orders.get(&id) {
            orders.send_replace(order);
        }
    }

    /// The next report. Nothing is lost when this is dropped.
    pub(super) async fn next(&mut self) -> Report {
        let report = match self.reports.recv().await {
            Some(report) => report,
            // Not before this, which holds a sender, is gone.
            None => std::future::pending().await,
        };
        if let Report::Ended(id, _) = &report {
            self.orders.remove(id);
            // Takes the results of ended tasks, so that they don't pile up.
            while self.tasks.try_join_next().is_some() {}
        }
        report
    }
}

/// One process; owned by its task.
struct Process {
    id: Id,
    child: Child,
    group: Group,
    /// Held open: its end is how the application learns that the command is gone, however that ended.
    _stdin: Option<ChildStdin>,
    readiness: Readiness,
    orders: watch::Receiver<Order>,
    life: Life,
}

#[derive(Clone, Copy)]
enum Life {
    Starting {
        ready_by: Instant,
    },
    Ready,
    /// Told to end; not known to have left the listener yet.
    Leaving {
        left_by: Instant,
        gone_by: Instant,
    },
    Draining {
        gone_by: Instant,
    },
    Killed {
        late: bool,
        gone_by: Instant,
    },
}

enum Source {
    Exited(io::Result<ExitStatus>),
    Word(Word),
    Order(Order),
    Deadline,
}

impl Process {
    fn start(id: Id, launch: &Launch, program: &Path, loan: &Loan, orders: watch::Receiver<Order>) -> io::Result<Self> {
        let readiness = Readiness::bind(id.0)?;
        let mut child = launch.command(program, loan, readiness.address()).spawn()?;
        Ok(Self {
            id,
            group: Group::led_by(&child),
            _stdin: child.stdin.take(),
            child,
            readiness,
            orders,
            life: Life::Starting {
                ready_by: Instant::now() + READY_WITHIN,
            },
        })
    }

    async fn run(mut self, reports: &mpsc::Sender<Report>) -> Ending {
        loop {
            let report = match self.source().await {
                Source::Exited(status) => return self.ending(status),
                Source::Word(word) => self.heard(word),
                Source::Order(order) => {
                    self.obey(order);
                    None
                }
                Source::Deadline if matches!(self.life, Life::Killed { .. }) => {
                    return self.ending(Err(io::ErrorKind::TimedOut.into()));
                }
                Source::Deadline => self.out_of_time(),
            };
            if let Some(report) = report {
                // Nobody reads when all is being dropped.
                let _ = reports.send(report).await;
            }
        }
    }

    async fn source(&mut self) -> Source {
        let deadline = match self.life {
            Life::Ready => None,
            Life::Starting { ready_by: at } | Life::Draining { gone_by: at } | Life::Killed { gone_by: at, .. } => {
                Some(at)
            }
            Life::Leaving { left_by, gone_by } => Some(left_by.min(gone_by)),
        };
        tokio::select! {
            // What a process said before its end was said before its end.
            biased;
            word = self.readiness.next() => Source::Word(word),
            status = self.child.wait() => Source::Exited(status),
            Ok(()) = self.orders.changed() => Source::Order(*self.orders.borrow_and_update()),
            () = deadline::reached(deadline) => Source::Deadline,
        }
    }

    /// What is not expected in this life is not listened to.
    fn heard(&mut self, word: Word) -> Option<Report> {
        match (word, self.life) {
            (Word::Ready, Life::Starting { .. }) => {
                self.life = Life::Ready;
                Some(Report::Ready(self.id))
            }
            (Word::Stopping, Life::Leaving { gone_by, .. }) => {
                self.life = Life::Draining { gone_by };
                Some(Report::Stopping(self.id))
            }
            _ => None,
        }
    }

    fn out_of_time(&mut self) -> Option<Report> {
        match self.life {
            Life::Leaving { gone_by, .. } if Instant::now() < gone_by => {
                self.life = Life::Draining { gone_by };
                return Some(Report::Stopping(self.id));
            }
            Life::Starting { .. } => self.kill(true),
            Life::Ready | Life::Leaving { .. } | Life::Draining { .. } | Life::Killed { .. } => self.kill(false),
        }
        None
    }

    fn obey(&mut self, order: Order) {
        match (order, &mut self.life) {
            (Order::Run, _) | (_, Life::Killed { .. }) => {}
            (Order::Stop(gone_by), Life::Starting { .. } | Life::Ready) => {
                self.group.terminate_leader();
                let left_by = Instant::now() + STOPPING_WITHIN;
                self.life = Life::Leaving { left_by, gone_by };
            }
            // Not a second signal, which would mean: at once.
            (Order::Stop(earlier), Life::Leaving { gone_by, .. } | Life::Draining { gone_by }) => {
                *gone_by = earlier.min(*gone_by);
            }
            (Order::Kill, _) => self.kill(false),
        }
    }

    fn kill(&mut self, late: bool) {
        self.group.kill();
        self.life = Life::Killed {
            late,
            gone_by: Instant::now() + GONE_AFTER_KILL,
        };
    }

    fn ending(&self, status: io::Result<ExitStatus>) -> Ending {
        match (self.life, status) {
            (Life::Killed { late: true, .. }, _) => Ending::Late,
            (_, Ok(status)) => Ending::Exited(status),
            (_, Err(error)) => Ending::NotStarted(error.to_string()),
        }
    }
}
