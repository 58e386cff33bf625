//! A handler that does what its client tells it, and notes all that it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::prelude::*;
use crate::testing::{Rng, TestApp, sleep};
use crate::{Accept, App, Compression, Config, Overflow, Timer};

/// What the handlers of a test share.
#[derive(Clone)]
pub(super) struct Stage {
    pub(super) journal: Arc<Mutex<Vec<String>>>,
    pub(super) idle_timeout: Duration,
    pub(super) overflow: Overflow,
    /// How long a callback takes: by chance, up to this.
    pub(super) dawdling: Option<(Arc<Mutex<Rng>>, Duration)>,
    pub(super) compresses: bool,
    /// Settings of the application, as variables of the environment.
    pub(super) settings: Vec<(&'static str, String)>,
}

impl Default for Stage {
    fn default() -> Self {
        Self {
            journal: Arc::default(),
            idle_timeout: Duration::from_mins(1),
            overflow: Overflow::Close,
            dawdling: None,
            compresses: false,
            settings: Vec::new(),
        }
    }
}

impl Stage {
    /// The application: an actor for each connection at `/`.
    pub(super) async fn app(&self) -> TestApp {
        let settings = self.settings.iter();
        let settings = settings.map(|(name, value)| ((*name).to_owned(), value.clone()));
        let config = Config::read("/nowhere", Environment::TEST, settings).unwrap();
        App::new(|| Routes::new().group(Group::new("/").ws("/", Actor::init)))
            .state(self.clone())
            .config(config)
            .into_test()
            .await
    }

    fn note(&self, what: impl Into<String>) {
        self.journal.lock().unwrap().push(what.into());
    }

    /// What was noted since the last time.
    pub(super) fn noted(&self) -> Vec<String> {
        std::mem::take(&mut self.journal.lock().unwrap())
    }

    /// What was noted when all is done that takes no time.
    pub(super) async fn settled(&self) -> Vec<String> {
        sleep(Duration::from_millis(1)).await;
        self.noted()
    }

    async fn dawdle(&self) {
        let Some((rng, longest)) = &self.dawdling else { return };
        let time = {
            let mut rng = rng.lock().unwrap();
            let most = usize::try_from(longest.as_micros()).unwrap() + 1;
            rng.once_in(2).then(|| Duration::from_micros(rng.below(most) as u64))
        };
        if let Some(time) = time {
            sleep(time).await;
        }
    }
}

/// What timers send.
#[derive(Clone)]
pub(super) struct Line(String);

/// Handles a text as a command, and sends back what is none.
pub(super) struct Actor {
    stage: Stage,
    timers: Vec<Timer>,
}

/// A callback that runs. One that does not come to its end is noted, unless it panics.
struct Callback {
    stage: Stage,
    finished: bool,
}

impl Callback {
    fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        if !self.finished && !std::thread::panicking() {
            self.stage.note("a callback was cancelled");
        }
    }
}

impl Actor {
    #[expect(clippy::unused_async, reason = "it is async whether it waits or not")]
    async fn init(State(stage): State<Stage>) -> Accept<Self> {
        let (idle_timeout, overflow, compresses) = (stage.idle_timeout, stage.overflow, stage.compresses);
        let actor = Self {
            stage,
            timers: Vec::new(),
        };
        let accept = Accept::new(actor)
            .idle_timeout(idle_timeout)
            .overflow(overflow)
            .max_message_size(1000);
        match compresses {
            true => accept.compress(Compression {
                min_size: 0,
                server_context_takeover: true,
                client_context_takeover: true,
                ..Compression::default()
            }),
            false => accept,
        }
    }

    /// A callback begins, and takes its time.
    async fn begin(&self) -> Callback {
        let callback = Callback {
            stage: self.stage.clone(),
            finished: false,
        };
        self.stage.dawdle().await;
        callback
    }

    async fn obey(&mut self, command: &str, socket: &Socket<Line>) -> Commands {
        let millis = |word: &str| Duration::from_millis(word.parse().unwrap());
        let line = |word: &str| Line(word.to_owned());
        match command.split(' ').collect::<Vec<_>>()[..] {
            ["stop"] => return Commands::stop(),
            ["close"] => return Commands::send(Frame::Close(crate::Close::default())),
            ["close", code, reason] => return Commands::close(code.parse().unwrap(), reason),
            ["list"] => return Commands::send_all([Frame::text("a"), Frame::close(4002, ""), Frame::text("b")]),
            ["crash"] => return Commands::crash(crate::Error::new("out of tea")),
            ["panic"] => panic!("boom"),
            ["ping", size] => return Commands::send(Frame::ping(vec![0; size.parse().unwrap()])),
            ["send", size] => return Commands::send(Frame::binary(vec![0; size.parse().unwrap()])),
            ["cancel"] => {
                let was_set = self.timers.pop().map(|timer| timer.cancel());
                return Commands::send(format!("{was_set:?}"));
            }
            ["pause"] => return Commands::pause(),
            ["sleep", time] => {
                sleep(millis(time)).await;
                return Commands::send("slept");
            }
            ["join", channel] => {
                socket.join(channel);
            }
            ["say", channel, word] => {
                socket.broadcast(channel, "event", word);
                return Commands::none();
            }
            ["once", delay, word] => self.timers.push(socket.send_info_after(millis(delay), line(word))),
            ["every", period, word] => self.timers.push(socket.send_info_every(millis(period), line(word))),
            _ => return Commands::send(command),
        }
        Commands::send("done")
    }
}

impl WebSocketHandler<Line> for Actor {
    async fn handle(&mut self, frame: Frame, socket: &Socket<Line>) -> Commands {
        let callback = self.begin().await;
        self.stage.note(format!("{frame:?}"));
        let commands = match frame {
            Frame::Text(text) => self.obey(&text, socket).await,
            Frame::Binary(_) => Commands::send(frame),
            _ => Commands::none(),
        };
        callback.finish();
        commands
    }

    async fn info(&mut self, info: Info<Line>, _socket: &Socket<Line>) -> Commands {
        let callback = self.begin().await;
        let text = match info {
            Info::Message(Line(line)) => line,
            Info::Gap(gap) => panic!("{gap:?}"),
            Info::Broadcast(message) => message.payload.as_text().unwrap_or_default().to_owned(),
        };
        self.stage.note(format!("info {text}"));
        let commands = match text.as_str() {
            "panic" => panic!("boom"),
            "resume" => Commands::resume(),
            _ => Commands::send(text),
        };
        callback.finish();
        commands
    }

    async fn terminate(self, reason: Reason, _socket: &Socket<Line>) {
        let callback = self.begin().await;
        self.stage.note(format!("terminate {reason:?}"));
        callback.finish();
    }
}
