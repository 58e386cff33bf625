//! Who sends numbers, and who counts which of them come.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nova::{Cluster, PubSub, Received};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::PATIENCE;

/// What has come to a member of a channel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count {
    /// How many messages, and how many of them not in order.
    pub(crate) received: u64,
    pub(crate) disordered: u64,
    /// How many were reported as missing, in how many gaps, and how many gaps of unknown size.
    pub(crate) missed: u64,
    pub(crate) gaps: u64,
    pub(crate) unknown: u64,
    last: Option<u64>,
}

/// A member that counts. It leaves when this is dropped.
pub(crate) struct Listener {
    count: Arc<Mutex<Count>>,
    _task: JoinSet<()>,
}

impl Listener {
    pub(crate) fn new(node: &PubSub, channel: &str) -> Self {
        let mut subscription = node.subscribe(channel);
        subscription.report_gaps();
        let count = Arc::new(Mutex::new(Count::default()));
        let counted = Arc::clone(&count);
        let mut task = JoinSet::new();
        task.spawn(async move {
            loop {
                let received = subscription.recv().await;
                counted.lock().unwrap().add(received);
            }
        });
        Self { count, _task: task }
    }

    pub(crate) fn count(&self) -> Count {
        self.count.lock().unwrap().clone()
    }

    /// Waits until all that was sent has come, or was reported as missing: neither more nor less.
    pub(crate) async fn accounts_for(&self, node: &PubSub, sent: u64) -> Count {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let count = self.count();
            assert_eq!((count.disordered, count.unknown), (0, 0), "{count:?}");
            let all = count.received + count.missed;
            if all >= sent {
                assert_eq!(all, sent, "{count:?}");
                return count;
            }
            assert!(
                Instant::now() < deadline,
                "{count:?}, and {sent} were sent: {:#?}",
                node.link()
            );
            sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Count {
    fn add(&mut self, received: Received) {
        match received {
            Received::Message(message) => {
                let number = message.payload.as_text().and_then(|text| text.parse().ok());
                self.received += 1;
                self.disordered += u64::from(number <= self.last);
                self.last = number;
            }
            Received::Gap(gap) => {
                self.gaps += 1;
                self.missed += gap.count.unwrap_or(0);
                self.unknown += u64::from(gap.count.is_none());
            }
            // They have come to the node, and this has not read them in time.
            Received::Missed(number) => self.received += number,
            other => panic!("{other:?}"),
        }
    }
}

/// Sends numbers to a channel, until it is stopped.
pub(crate) struct Sender {
    outcomes: Arc<Mutex<Outcomes>>,
    task: JoinSet<()>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Outcomes {
    pub(crate) sent: u64,
    pub(crate) queued: u64,
    pub(crate) refused: u64,
    /// How many members on its own node each should have reached, and did.
    pub(crate) local: usize,
}

impl Sender {
    /// A number every half a millisecond or so.
    pub(crate) fn start(node: &PubSub, channel: &str) -> Self {
        let outcomes = Arc::new(Mutex::new(Outcomes::default()));
        let (node, channel, noted) = (node.clone(), channel.to_owned(), Arc::clone(&outcomes));
        let mut task = JoinSet::new();
        task.spawn(async move {
            loop {
                {
                    let mut outcomes = noted.lock().unwrap();
                    let outcome = node.broadcast(&channel, "number", outcomes.sent.to_string());
                    outcomes.sent += 1;
                    outcomes.local += outcome.local;
                    match outcome.cluster {
                        Cluster::Queued => outcomes.queued += 1,
                        Cluster::NotSent(_) => outcomes.refused += 1,
                        other => panic!("{other:?}"),
                    }
                }
                sleep(Duration::from_micros(500)).await;
            }
        });
        Self { outcomes, task }
    }

    pub(crate) fn so_far(&self) -> Outcomes {
        self.outcomes.lock().unwrap().clone()
    }

    /// Waits until so many more have been sent.
    pub(crate) async fn send_more(&self, number: u64) {
        let goal = self.so_far().sent + number;
        while self.so_far().sent < goal {
            sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) async fn stop(mut self) -> Outcomes {
        self.task.shutdown().await;
        self.so_far()
    }
}
