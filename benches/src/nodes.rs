//! The two ends of what goes through a broker: one that sends in this process, and one that receives in a process of its own.
//! Each is a node, or no more than the broker's client.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::{Client, Subscriber};
use clap::Parser;
use futures_util::StreamExt as _;
use nova::{Cluster, Config, Environment, Payload, PubSub, Received, Subscription, Text};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::{Result, Samples, machine, process};

/// The receiving end says that so many have come, each time that they have.
pub const BATCH: usize = 100;
/// How long anything that is expected may take.
const PATIENCE: Duration = Duration::from_secs(30);
const CHANNEL: &str = "channel";

/// What an end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// A node
    Nova,
    /// The broker's client alone
    Client,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Nova => "nova",
            Self::Client => "client",
        }
    }
}

/// The receiving end's flags.
#[derive(Clone, Debug, Parser)]
pub struct Flags {
    /// What it is
    #[arg(long)]
    pub kind: Kind,
    /// Where the broker is
    #[arg(long)]
    pub url: String,
    /// How many members the channel has here
    #[arg(long)]
    pub members: usize,
    /// How many messages come to each
    #[arg(long)]
    pub messages: usize,
    /// How many of them are not timed
    #[arg(long)]
    pub untimed: usize,
}

/// What came to the members on the receiving end.
#[derive(Clone, Debug, Default)]
pub struct Came {
    /// How many messages, of all members.
    pub received: usize,
    /// How many did not come, as members were told.
    pub missed: u64,
    /// In how many gaps, besides those that a full queue made.
    pub gaps: u64,
    /// The median of what was timed, and what 99 of 100 are not above, in seconds.
    pub p50: f64,
    /// The latter.
    pub p99: f64,
}

/// Now, by the clock that all processes share, in nanoseconds.
pub fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    #[expect(clippy::cast_sign_loss, reason = "since the machine's start")]
    let now = now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64;
    now
}

/// How long ago that was which these bytes begin with.
pub fn age(payload: &[u8]) -> Duration {
    let sent = payload.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    Duration::from_nanos(now().saturating_sub(sent))
}

/// A message of this size, at least 8 bytes, which says when it was made.
pub fn message(size: usize) -> Vec<u8> {
    let mut message = vec![b'x'; size.max(8)];
    message[..8].copy_from_slice(&now().to_be_bytes());
    message
}

/// The sending end.
#[derive(Debug)]
pub enum Sender {
    /// A node.
    Nova(PubSub),
    /// The broker's client.
    Client(Client),
}

impl Sender {
    /// One that will be connected.
    ///
    /// # Errors
    /// When it can't be.
    pub async fn connect(kind: Kind, url: &str) -> Result<Self> {
        Ok(match kind {
            Kind::Nova => Self::Nova(node("sender", url)?),
            Kind::Client => Self::Client(async_nats::connect(url).await?),
        })
    }

    /// Sends a message to the channel.
    ///
    /// # Errors
    /// When it does not leave.
    pub async fn send(&self, message: Vec<u8>) -> Result<()> {
        match self {
            Self::Nova(node) => {
                let outcome = node.broadcast(Text::from_static(CHANNEL), Text::from_static("event"), message);
                match outcome.cluster {
                    Cluster::Queued => Ok(()),
                    other => Err(format!("{other:?}").into()),
                }
            }
            Self::Client(client) => Ok(client.publish(CHANNEL, message.into()).await?),
        }
    }
}

fn node(name: &str, url: &str) -> Result<PubSub> {
    let variables = [
        ("NOVA_PUBSUB_ADAPTER", "nats"),
        ("NOVA_PUBSUB_NODE", name),
        ("NOVA_PUBSUB_URL", url),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = Config::read(std::env::temp_dir(), Environment::PROD, variables)?;
    Ok(PubSub::connect(&config)?)
}

/// The receiving end, in a process of its own until this is dropped.
#[derive(Debug)]
pub struct Receiver {
    child: Child,
    /// How many more may be on their way.
    room: Arc<Semaphore>,
    window: usize,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Receiver {
    /// Starts it: this program once more, with `receive` and its flags. No more than `window` messages will be on their way.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start(flags: &Flags, window: usize) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["receive", "--kind", flags.kind.name(), "--url", &flags.url])
            .args(["--members", &flags.members.to_string()])
            .args(["--messages", &flags.messages.to_string()])
            .args(["--untimed", &flags.untimed.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("it has no output")?;
        let room = Arc::new(Semaphore::new(window));
        let (sender, lines) = mpsc::unbounded_channel();
        let freed = Arc::clone(&room);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(std::io::Result::ok) {
                if line == "batch" {
                    freed.add_permits(BATCH);
                } else if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut receiver = Self {
            child,
            room,
            window,
            lines,
        };
        match receiver.line().await?.as_str() {
            "ready" => Ok(receiver),
            line => Err(format!("it says {line:?}").into()),
        }
    }

    async fn line(&mut self) -> Result<String> {
        let line = timeout(PATIENCE, self.lines.recv()).await;
        let line = line.map_err(|_| "the receiving end did not answer in time")?;
        Ok(line.ok_or("the receiving end has ended")?)
    }

    /// Waits until one more may be sent.
    ///
    /// # Errors
    /// When what is on its way does not come.
    pub async fn room(&self) -> Result<()> {
        let room = timeout(PATIENCE, self.room.acquire()).await;
        room.map_err(|_| "messages did not come, and nobody was told")??
            .forget();
        Ok(())
    }

    /// Waits until all that was sent has come: a number of whole batches.
    ///
    /// # Errors
    /// When it does not.
    pub async fn has_all(&self) -> Result<()> {
        let all = self.room.acquire_many(u32::try_from(self.window)?);
        let room = timeout(PATIENCE, all).await;
        drop(room.map_err(|_| "messages did not come, and nobody was told")??);
        Ok(())
    }

    /// How long it has run on a core.
    ///
    /// # Errors
    /// When it is gone.
    pub fn cpu_time(&self) -> Result<Duration> {
        process::cpu_time_of(self.child.id())
    }

    /// What came, once all has.
    ///
    /// # Errors
    /// When it does not say so.
    pub async fn came(mut self) -> Result<Came> {
        let line = self.line().await?;
        let mut words = line.split(' ');
        let mut next = || words.next().ok_or_else(|| format!("it says {line:?}"));
        Ok(Came {
            received: next()?.parse()?,
            missed: next()?.parse()?,
            gaps: next()?.parse()?,
            p50: next()?.parse()?,
            p99: next()?.parse()?,
        })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Is the receiving end, with one thread on core 1, until the standard input ends.
///
/// # Errors
/// When it can't be, or is told of a gap of unknown size.
pub fn receive(flags: &Flags) -> Result<()> {
    machine::pin(1)?;
    process::end_with_input();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(receive_all(flags))
}

async fn receive_all(flags: &Flags) -> Result<()> {
    let progress = Arc::new(Progress {
        batches: (0..flags.messages / BATCH).map(|_| AtomicUsize::new(0)).collect(),
        members: flags.members,
    });
    let tally = || Tally::new(flags, &progress);
    let mut members = JoinSet::new();
    // Held to the end.
    let (_node, _client);
    match flags.kind {
        Kind::Nova => {
            let node = node("receiver", &flags.url)?;
            for _ in 0..flags.members {
                let subscription = node.subscribe(CHANNEL);
                subscription.report_gaps();
                members.spawn(tally().of_node(subscription));
            }
            settle(&node).await?;
            _node = node;
        }
        Kind::Client => {
            let client = async_nats::connect(&flags.url).await?;
            for _ in 0..flags.members {
                members.spawn(tally().of_client(client.subscribe(CHANNEL).await?));
            }
            confirm(&client).await?;
            _client = client;
        }
    }
    println!("ready");
    let (mut came, mut times) = (Came::default(), Samples::default());
    while let Some(member) = members.join_next().await {
        let member = member??;
        came.received += member.came.received;
        came.missed += member.came.missed;
        came.gaps += member.came.gaps;
        member.times.into_iter().for_each(|time| times.push_time(time));
    }
    let (p50, p99) = (times.median(), times.quantile(0.99));
    println!("{} {} {} {p50} {p99}", came.received, came.missed, came.gaps);
    std::future::pending().await
}

/// Waits until the other node counts what it sends here.
async fn settle(node: &PubSub) -> Result<()> {
    let settled = async {
        while !node.link().is_some_and(|link| link.is_settled && link.nodes.len() == 1) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let settled = timeout(PATIENCE, settled).await;
    Ok(settled.map_err(|_| format!("the nodes do not settle: {:#?}", node.link()))?)
}

/// Waits until the broker has all that this client has given it: it answers in order, here that nobody is there.
async fn confirm(client: &Client) -> Result<()> {
    match client.request("nobody", "".into()).await {
        Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Err("somebody answered".into()),
    }
}

/// How many members have each batch.
struct Progress {
    batches: Vec<AtomicUsize>,
    members: usize,
}

/// What comes to one member.
struct Tally {
    progress: Arc<Progress>,
    messages: usize,
    untimed: usize,
    /// How many came or are known to be missing.
    seen: usize,
    batches: usize,
    came: Came,
    times: Vec<Duration>,
}

impl Tally {
    fn new(flags: &Flags, progress: &Arc<Progress>) -> Self {
        Self {
            progress: Arc::clone(progress),
            messages: flags.messages,
            untimed: flags.untimed,
            seen: 0,
            batches: 0,
            came: Came::default(),
            times: Vec::new(),
        }
    }

    async fn of_node(mut self, mut subscription: Subscription) -> Result<Self> {
        while self.seen < self.messages {
            match subscription.recv().await {
                Received::Message(message) => {
                    let Payload::Binary(payload) = message.payload else {
                        return Err("a message of another kind came".into());
                    };
                    self.received(&payload);
                }
                Received::Missed(count) => self.missed(count)?,
                Received::Gap(gap) => {
                    self.came.gaps += 1;
                    self.missed(gap.count.ok_or("a gap of unknown size")?)?;
                }
                other => return Err(format!("{other:?}").into()),
            }
        }
        Ok(self)
    }

    async fn of_client(mut self, mut subscriber: Subscriber) -> Result<Self> {
        while self.seen < self.messages {
            let message = subscriber.next().await.ok_or("the connection is over")?;
            self.received(&message.payload);
        }
        Ok(self)
    }

    fn received(&mut self, payload: &[u8]) {
        if self.seen >= self.untimed {
            self.times.push(age(payload));
        }
        self.came.received += 1;
        self.saw(1);
    }

    fn missed(&mut self, count: u64) -> Result<()> {
        self.came.missed += count;
        self.saw(usize::try_from(count)?);
        Ok(())
    }

    fn saw(&mut self, count: usize) {
        self.seen += count;
        while self.batches < self.seen / BATCH {
            let batch = self.progress.batches.get(self.batches);
            let have = batch.map_or(0, |batch| batch.fetch_add(1, Ordering::Relaxed) + 1);
            if have == self.progress.members {
                println!("batch");
            }
            self.batches += 1;
        }
    }
}

/// How long a message takes that goes through the broker and back to the client that sent it: its median, and what 99 of
/// 100 are not above, in seconds.
///
/// # Errors
/// When one does not come.
pub async fn round_trips(url: &str, size: usize, untimed: usize, timed: usize, pause: Duration) -> Result<(f64, f64)> {
    let client = async_nats::connect(url).await?;
    let mut subscriber = client.subscribe(CHANNEL).await?;
    let mut times = Samples::default();
    let mut tick = tokio::time::interval(pause);
    for number in 0..untimed + timed {
        tick.tick().await;
        client.publish(CHANNEL, message(size).into()).await?;
        let message = timeout(PATIENCE, subscriber.next()).await;
        let message = message.map_err(|_| "a message did not come back")?;
        let age = age(&message.ok_or("the connection is over")?.payload);
        if number >= untimed {
            times.push_time(age);
        }
    }
    Ok((times.median(), times.quantile(0.99)))
}
