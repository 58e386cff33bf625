//! One process of the application, from its start to its end.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Ending, Id, Order, READY_WITHIN, Report};
use crate::serve::deadline;
use crate::serve::group::Group;
use crate::serve::line::{Line, Outbox, Said};
use crate::serve::readiness::{Readiness, Word};

/// How long a process that was told to end may take to say that it accepts no more connections.
const STOPPING_WITHIN: Duration = Duration::from_millis(250);

/// How long a killed process may take to be gone. Only one that hangs in the kernel takes longer.
const GONE_AFTER_KILL: Duration = Duration::from_secs(2);

/// One process; owned by its task.
#[derive(Debug)]
pub(super) struct Process {
    id: Id,
    child: Child,
    group: Group,
    line: Line,
    readiness: Readiness,
    orders: watch::Receiver<Order>,
    life: Life,
}

#[derive(Clone, Copy, Debug)]
enum Life {
    Starting {
        ready_by: Instant,
    },
    Ready,
    /// Told to end; not known to have left the listener yet.
    Leaving {
        left_by: Instant,
        gone_by: Instant,
        /// When it said that it has left. What became of its WebSockets is then still to come.
        said: Option<std::time::Instant>,
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
    Said(Said),
    Exited(io::Result<ExitStatus>),
    Word(Word),
    Order(Order),
    Deadline,
}

impl Process {
    /// Starts `command` with a line of its own.
    pub(super) fn start(id: Id, mut command: Command, orders: watch::Receiver<Order>) -> io::Result<Self> {
        let readiness = Readiness::bind(id.0)?;
        let (line, theirs) = Line::pair()?;
        let child = command
            .env("NOTIFY_SOCKET", readiness.address())
            .stdin(Stdio::from(theirs))
            .spawn()?;
        // The command holds the other end of the line until it is dropped here.
        drop(command);
        Ok(Self {
            id,
            group: Group::led_by(&child),
            line,
            child,
            readiness,
            orders,
            life: Life::Starting {
                ready_by: Instant::now() + READY_WITHIN,
            },
        })
    }

    pub(super) fn outbox(&self) -> Outbox {
        self.line.outbox()
    }

    /// Sees to the process until it is no more.
    pub(super) async fn run(mut self, reports: &mpsc::Sender<Report>) -> Ending {
        loop {
            let report = match self.source().await {
                Source::Exited(status) => return self.ending(status),
                Source::Said(said) => {
                    // Nobody reads when all is being dropped.
                    let _ = reports.send(Report::Said(self.id, said)).await;
                    self.has_answered()
                }
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
            Life::Leaving { left_by, gone_by, .. } => Some(left_by.min(gone_by)),
        };
        tokio::select! {
            // What a process said before its end was said before its end, and what it said on the line before it left.
            biased;
            said = self.line.next() => Source::Said(said),
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
            (
                Word::Stopping,
                Life::Leaving {
                    left_by,
                    gone_by,
                    said: None,
                },
            ) => {
                let said = Some(std::time::Instant::now());
                self.life = Life::Leaving { left_by, gone_by, said };
                self.has_answered()
            }
            _ => None,
        }
    }

    /// Whether all has been said that is waited for before it counts as having left.
    fn has_answered(&mut self) -> Option<Report> {
        match self.life {
            Life::Leaving {
                gone_by,
                said: Some(at),
                ..
            } if !self.line.owes_an_answer() => {
                self.life = Life::Draining { gone_by };
                Some(Report::Stopping(self.id, at))
            }
            _ => None,
        }
    }

    fn out_of_time(&mut self) -> Option<Report> {
        match self.life {
            Life::Leaving { gone_by, said, .. } if Instant::now() < gone_by => {
                self.life = Life::Draining { gone_by };
                return Some(Report::Stopping(self.id, said.unwrap_or_else(std::time::Instant::now)));
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
                self.life = Life::Leaving {
                    left_by,
                    gone_by,
                    said: None,
                };
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
