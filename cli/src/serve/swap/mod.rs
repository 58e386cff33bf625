//! The application's processes: each one started on the lent listener, heard until it is ready, stopped when told.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::line::{News, Outbox, Role, Said};
use super::listen::Loan;
use process::Process;

mod process;

/// How long a process may take from its start to `READY=1`.
pub(super) const READY_WITHIN: Duration = Duration::from_secs(10);

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
    /// It has something to say on its line.
    Said(Id, Said),
    /// It was told to end, and accepts no more connections since then, or has had the time for that.
    Stopping(Id, std::time::Instant),
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

impl Ending {
    /// As it is told of a process that was not ready yet.
    pub(super) fn before_it_was_ready(&self) -> String {
        match self {
            Self::Exited(_) => format!("{self} before it was ready"),
            Self::Late | Self::NotStarted(_) => self.to_string(),
        }
    }
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

/// How the application is started, whatever build of it.
#[derive(Debug)]
pub(super) struct Launch {
    pub(super) root: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) environment: String,
    /// What the project is called, and its version, as the manifest has them.
    pub(super) package: (String, Option<String>),
    /// `NOVA_EDITOR`, where an editor is known.
    pub(super) editor: Option<String>,
    /// Standard output belongs to somebody else: the application's goes to standard error.
    pub(super) quiet: bool,
}

/// One start of the application.
#[derive(Debug)]
pub(super) struct Start<'a> {
    pub(super) id: Id,
    pub(super) program: &'a Path,
    /// The number of the build.
    pub(super) build: u64,
    /// The process that is to give its WebSockets.
    pub(super) takes_from: Option<Id>,
}

impl Launch {
    /// The command, apart from what belongs to one process alone.
    fn command(&self, start: &Start<'_>, loan: &Loan) -> Command {
        let mut command = Command::new(start.program);
        command.args(&self.args).current_dir(&self.root);
        command.env("LISTEN_FDS", "1").env("LISTEN_FDS_FIRST_FD", loan.number());
        // Where the command itself was started on a socket, these speak of that one.
        command.env_remove("LISTEN_PID").env_remove("LISTEN_FDNAMES");
        command.env("NOVA_SUPERVISED", "stdin");
        command.env("NOVA_ENV", &self.environment);
        command.env("NOVA_BUILD", start.build.to_string());
        // As cargo has them, where it runs a program.
        command.env("CARGO_PKG_NAME", &self.package.0);
        command.envs(self.package.1.as_ref().map(|version| ("CARGO_PKG_VERSION", version)));
        match &self.editor {
            Some(editor) => command.env("NOVA_EDITOR", editor),
            None => command.env_remove("NOVA_EDITOR"),
        };
        if self.quiet
            && let Ok(stderr) = std::io::stderr().as_fd().try_clone_to_owned()
        {
            command.stdout(Stdio::from(stderr));
        }
        command.process_group(0).kill_on_drop(true);
        command
    }
}

/// The ways to a process: what it is to do, and what it is to know.
#[derive(Debug)]
struct Ways {
    orders: watch::Sender<Order>,
    outbox: Outbox,
}

/// All processes that have been started and not been reported as ended.
#[derive(Debug)]
pub(super) struct Processes {
    launch: Launch,
    /// The owner of every task: dropping it ends them, and with them their processes.
    tasks: JoinSet<()>,
    ways: HashMap<Id, Ways>,
    sender: mpsc::Sender<Report>,
    reports: mpsc::Receiver<Report>,
}

impl Processes {
    pub(super) fn new(launch: Launch) -> Self {
        let (sender, reports) = mpsc::channel(REPORTS);
        Self {
            launch,
            tasks: JoinSet::new(),
            ways: HashMap::new(),
            sender,
            reports,
        }
    }

    /// Starts a process. A failure to start is reported as its end.
    pub(super) fn start(&mut self, start: &Start<'_>, loan: io::Result<Loan>) {
        let (orders, order) = watch::channel(Order::Run);
        let started = loan.and_then(|loan| self.launch(start, &loan, order));
        let outbox = started.as_ref().map(Process::outbox).unwrap_or_default();
        self.ways.insert(start.id, Ways { orders, outbox });
        let (id, sender) = (start.id, self.sender.clone());
        self.tasks.spawn(async move {
            let ending = match started {
                Ok(process) => process.run(&sender).await,
                Err(error) => Ending::NotStarted(error.to_string()),
            };
            // Nobody reads when all is being dropped.
            let _ = sender.send(Report::Ended(id, ending)).await;
        });
    }

    /// Starts the process, and sends both ends of a handoff on their ways at once: whichever of the two processes comes
    /// to it first waits for the other there, and sees its end.
    fn launch(&self, start: &Start<'_>, loan: &Loan, orders: watch::Receiver<Order>) -> io::Result<Process> {
        let handoff = start.takes_from.and_then(|id| self.ways.get(&id)).map(|from| {
            let (give, take) = UnixStream::pair()?;
            io::Result::Ok((&from.outbox, OwnedFd::from(give), OwnedFd::from(take)))
        });
        let handoff = handoff.transpose()?;
        let mut command = self.launch.command(start, loan);
        match handoff {
            Some(_) => command.env("NOVA_TAKEOVER", "line"),
            None => command.env_remove("NOVA_TAKEOVER"),
        };
        let process = Process::start(start.id, command, orders)?;
        if let Some((from, give, take)) = handoff {
            process.outbox().hand(Role::Take, take);
            from.hand(Role::Give, give);
        }
        Ok(process)
    }

    /// Tells a process something that it can do without.
    pub(super) fn tell(&self, id: Id, news: &News) {
        if let Some(ways) = self.ways.get(&id) {
            ways.outbox.tell(news);
        }
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
        if let Some(ways) = self.ways.get(&id) {
            ways.orders.send_replace(order);
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
            self.ways.remove(id);
            // Takes the results of ended tasks, so that they don't pile up.
            while self.tasks.try_join_next().is_some() {}
        }
        report
    }
}
