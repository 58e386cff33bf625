//! The link to other nodes over NATS.
//!
//! Every channel that has members here is one subscription at the broker, whatever the number of members. What is broadcast
//! here is numbered by channel, waits in a queue within bounds, and goes to the broker by one task, which owns the
//! connection. What comes is delivered as what is broadcast here; numbers that are missing are gaps, and reported.
//!
//! - [`subject`], [`envelope`], [`gossip`]: what goes over the wire.
//! - [`interests`], [`outgoing`], [`tracks`]: what is counted, on the side that sends and on the side that receives.
//! - [`connection`], [`publishing`], [`session`], [`hearing`]: one connection, and what is done over it.

#[cfg(feature = "nats-sessions")]
mod client;
mod connection;
mod envelope;
mod gossip;
mod hearing;
mod held;
mod interests;
mod outgoing;
mod publishing;
mod session;
mod shared;
mod subject;
mod tracks;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout, timeout_at};

#[cfg(feature = "nats-sessions")]
pub(crate) use self::client::{Broker, Reached};
use self::connection::{Connection, Server, Settings};
use self::outgoing::Outgoing;
use self::publishing::Flight;
use self::session::{Question, Session, Told};
use self::shared::{Phase, Shared, add};
use self::subject::Subjects;
use super::adapter::{Adapter, Cluster, Link, Members, Waiting};
use super::home::{Home, draw, spread};
use super::options::PubSubOptions;
use super::{Message, Number, SubscriberId};
use crate::wire::Text;

/// The first and the longest wait before another connection is tried.
const SOON: Duration = Duration::from_millis(100);
const LATER: Duration = Duration::from_millis(1500);
/// How long the end may take.
const LEAVE: Duration = Duration::from_secs(2);
/// How many brokers are remembered, with those that others have told of.
const SERVERS: usize = 64;
/// How many questions wait for the link.
const QUESTIONS: usize = 64;

pub(super) struct Nats {
    shared: Arc<Shared>,
    questions: mpsc::Sender<Question>,
    /// Until it is begun.
    task: Mutex<Option<Task>>,
}

/// What owns the connection.
struct Task {
    shared: Arc<Shared>,
    settings: Settings,
    ping_interval: Duration,
    servers: Servers,
    questions: mpsc::Receiver<Question>,
    told: Told,
}

/// The brokers, each in its turn.
struct Servers {
    all: Vec<Server>,
    /// So many of them are from the settings.
    given: usize,
    next: usize,
}

impl Nats {
    pub(super) fn new(node: u64, options: &PubSubOptions, root: &Path, home: Home) -> Self {
        let name = options.node.clone().unwrap_or_else(|| format!("{node:016x}"));
        let outgoing = Outgoing::new(node, options.queue_messages, options.queue_bytes);
        let subjects = Subjects::new(&options.prefix);
        let shared = Arc::new(Shared::new(node, name.clone(), subjects, home, outgoing));
        let (questions, asked) = mpsc::channel(QUESTIONS);
        let task = Task {
            shared: Arc::clone(&shared),
            settings: Settings::new(options, root, &name),
            ping_interval: Duration::from_secs(options.ping_interval),
            servers: Servers::new(options.urls.iter().filter_map(Server::new).collect()),
            questions: asked,
            told: Told::default(),
        };
        Self {
            shared,
            questions,
            task: Mutex::new(Some(task)),
        }
    }

    async fn ask(&self, channel: &str, patience: Duration) -> Members {
        let deadline = tokio::time::Instant::now() + patience;
        let mut nodes: HashMap<u64, String> = {
            let peers = self.shared.peers();
            peers.present().map(|(node, peer)| (node, peer.name.clone())).collect()
        };
        let mut members = Members::default();
        if nodes.is_empty() {
            return members;
        }
        let room = nodes.len() * hearing::LISTED.div_ceil(100);
        let (request, answers) = (draw(), mpsc::channel(room));
        let (sender, mut answers) = answers;
        let _asked = Asked::new(&self.shared, request, sender);
        let question = Question {
            request,
            channel: channel.into(),
        };
        if self.shared.is_up() && self.questions.try_send(question).is_ok() {
            let mut some: HashMap<u64, Vec<SubscriberId>> = HashMap::new();
            while !nodes.is_empty() {
                let Ok(Some(answer)) = timeout_at(deadline, answers.recv()).await else {
                    break;
                };
                let Some(listed) = answer.members else {
                    // It has too many, and nothing more comes of it.
                    members.unanswered.extend(nodes.remove(&answer.node));
                    continue;
                };
                let numbers = listed.into_iter().filter_map(Number::new);
                let ids = numbers.map(|number| SubscriberId::new(answer.node, number));
                some.entry(answer.node).or_default().extend(ids);
                if answer.is_last && nodes.remove(&answer.node).is_some() {
                    members.ids.extend(some.remove(&answer.node).unwrap_or_default());
                }
            }
        }
        members.unanswered.extend(nodes.into_values());
        members.unanswered.sort();
        members
    }
}

/// A question that waits for answers, as long as whoever asked does.
struct Asked<'a> {
    shared: &'a Shared,
    request: u64,
}

impl<'a> Asked<'a> {
    fn new(shared: &'a Shared, request: u64, answers: mpsc::Sender<shared::Answer>) -> Self {
        let mut questions = shared.questions.lock().unwrap_or_else(PoisonError::into_inner);
        questions.insert(request, answers);
        Self { shared, request }
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let mut questions = self.shared.questions.lock().unwrap_or_else(PoisonError::into_inner);
        questions.remove(&self.request);
    }
}

impl Adapter for Nats {
    fn start(&self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            tokio::spawn(task.run());
        }
    }

    fn publish(&self, message: &Message) -> Cluster {
        self.shared.outgoing.push(&self.shared.subjects, message)
    }

    fn changed(&self, channel: &Text) {
        self.shared.change(channel);
    }

    fn count(&self, channel: &str) -> usize {
        self.shared.outgoing.lock().interests.count(channel)
    }

    fn members<'a>(&'a self, channel: &'a str, patience: Duration) -> Waiting<'a, Members> {
        Box::pin(self.ask(channel, patience))
    }

    fn channels(&self) -> Vec<Text> {
        self.shared.home.channels()
    }

    fn expect(&self, channels: Vec<Text>) {
        self.shared.expect(channels);
    }

    fn hold(&self) {
        self.shared.hold();
    }

    fn heard(&self) -> String {
        self.shared.heard()
    }

    fn release(&self, heard: Option<&str>) {
        self.shared.release(heard);
    }

    fn link(&self) -> Link {
        self.shared.link()
    }

    fn close(&self) -> Waiting<'_, ()> {
        Box::pin(async {
            if self.task.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
                // It was never begun.
                return;
            }
            self.stop();
            let mut phase = self.shared.phase.subscribe();
            // It ends by itself, whether this waits for it or not.
            let _ = timeout(LEAVE, phase.wait_for(|phase| *phase == Phase::Ended)).await;
        })
    }

    fn stop(&self) {
        self.shared.phase.send_if_modified(|phase| {
            let runs = *phase == Phase::Running;
            if runs {
                *phase = Phase::Closing;
            }
            runs
        });
    }
}

impl Task {
    /// Connects, again and again, until the link is to end.
    async fn run(mut self) {
        // However this ends, nothing is taken any more.
        let end = End(Arc::clone(&self.shared));
        let shared = Arc::clone(&self.shared);
        let mut failures = 0;
        while *shared.phase.borrow() == Phase::Running {
            let server = self.servers.next();
            let connection = tokio::select! {
                connection = self.settings.connect(&server, &shared.subjects, &shared.notes) => connection,
                () = shared.ending() => break,
            };
            let reason = match connection {
                Ok(connection) => {
                    self.servers.learn(connection.others(&server));
                    let (was_up, reason) = self.serve(&connection, &server).await;
                    failures = if was_up { 0 } else { failures + 1 };
                    reason
                }
                Err(error) => {
                    failures += 1;
                    self.servers.failed(&server);
                    error
                }
            };
            let phase = *shared.phase.borrow();
            if phase != Phase::Running {
                break;
            }
            shared.down(format!("{server}: {reason}"));
            tokio::select! {
                () = sleep(self.servers.wait(failures)) => {}
                () = shared.ending() => {}
            }
        }
        drop(end);
    }

    /// Works over one connection to its end. Says whether it came so far that messages were taken, and why it ended.
    async fn serve(&mut self, connection: &Connection, server: &Server) -> (bool, String) {
        let shared = Arc::clone(&self.shared);
        let mut flight = Flight::default();
        let session = tokio::select! {
            session = Session::begin(&shared, connection, &mut self.told) => session,
            reason = connection.broken() => Err(reason),
            () = shared.ending() => Err("the link ends".to_owned()),
        };
        let mut session = match session {
            Ok(session) => session,
            Err(reason) => return (false, reason),
        };
        shared.outgoing.open(connection.largest());
        shared.up(server.to_string());
        let mut is_ending = false;
        let reason = tokio::select! {
            reason = connection.broken() => reason,
            Err(reason) = session.run(&mut self.questions) => reason,
            Err(reason) = publishing::publish(&shared, connection, self.ping_interval, &mut flight) => reason,
            () = shared.ending() => {
                is_ending = true;
                "the link ends".to_owned()
            }
        };
        shared.outgoing.shut();
        if is_ending {
            let leave = async {
                publishing::drain(&shared, connection, &mut flight).await?;
                session.leave().await
            };
            match timeout(LEAVE, leave).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!("the link did not end well: {error}"),
                Err(_) => tracing::warn!("the link did not end within {LEAVE:?}"),
            }
        }
        let lost = flight.end(&shared) + shared.outgoing.clear();
        if lost > 0 {
            tracing::warn!("{lost} messages to other nodes may be lost: they were on their way");
            add(&shared.tally.lost, lost);
        }
        (true, reason)
    }
}

/// The end of the task, also by a panic.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.outgoing.shut();
        self.0.outgoing.clear();
        self.0.down("the link has ended".to_owned());
        self.0.phase.send_replace(Phase::Ended);
    }
}

impl Servers {
    fn new(all: Vec<Server>) -> Self {
        let given = all.len();
        // Not all nodes begin with the same.
        let next = usize::try_from(draw() % given.max(1) as u64).unwrap_or(0);
        Self { all, given, next }
    }

    fn next(&mut self) -> Server {
        let server = self.all[self.next % self.all.len()].clone();
        self.next = (self.next + 1) % self.all.len();
        server
    }

    fn learn(&mut self, others: Vec<Server>) {
        for other in others {
            if self.all.len() < SERVERS && !self.all.contains(&other) {
                self.all.push(other);
            }
        }
    }

    /// One that others have told of and that can't be reached is not for this node.
    fn failed(&mut self, server: &Server) {
        if let Some(at) = self.all.iter().position(|other| other == server)
            && at >= self.given
        {
            self.all.remove(at);
        }
    }

    /// How long to wait: longer when all have failed.
    fn wait(&self, failures: u32) -> Duration {
        let rounds = failures / u32::try_from(self.all.len()).unwrap_or(1).max(1);
        spread(SOON.saturating_mul(2_u32.saturating_pow(rounds)).min(LATER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(names: &[&str]) -> Servers {
        let options = |name: &&str| {
            let variables = [("NOVA_PUBSUB_URL".to_owned(), format!("nats://{name}"))];
            let config = crate::config::Config::read("/nowhere", crate::environment::Environment::TEST, variables);
            let options: PubSubOptions = config.unwrap().section("pubsub").unwrap();
            Server::new(&options.urls[0]).unwrap()
        };
        Servers::new(names.iter().map(options).collect())
    }

    #[test]
    fn servers_have_turns_and_the_wait_grows_with_rounds() {
        let mut all = servers(&["a", "b", "c"]);
        let mut turns: Vec<_> = (0..3).map(|_| all.next().to_string()).collect();
        turns.sort();
        assert_eq!(turns, ["nats://a:4222", "nats://b:4222", "nats://c:4222"]);
        assert!(all.wait(0) <= SOON && all.wait(2) <= SOON && all.wait(3) >= SOON);
        assert!(all.wait(1000) <= LATER && all.wait(1000) >= LATER / 2);
    }

    #[test]
    fn others_are_learnt_and_dropped_and_those_given_stay() {
        let mut all = servers(&["a"]);
        let other = servers(&["b:1"]).next();
        all.learn(vec![other.clone(), other.clone()]);
        assert_eq!(all.all.len(), 2);
        all.failed(&other);
        let given = all.all[0].clone();
        all.failed(&given);
        assert!(all.all == [given]);
    }
}
