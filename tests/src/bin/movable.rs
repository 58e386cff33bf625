//! An application whose connections move to another process: what `nova serve` and a service manager would run, with
//! handlers that do what they are told.
//!
//! `NOVA_TEST_CODE` is a file that names the code which runs, as another build would be other code.

#![expect(clippy::unwrap_used, reason = "whatever goes wrong here fails a test")]

use std::sync::OnceLock;
use std::time::Duration;

use nova::prelude::*;
use nova::{Accept, Compression, Handoff, Overflow, Reason, Resumed};
use serde::{Deserialize, Serialize};

/// It stands for the program on disk, which may have been replaced since the process began.
fn code() -> String {
    static CODE: OnceLock<String> = OnceLock::new();
    let read = || std::fs::read_to_string(std::env::var("NOVA_TEST_CODE").unwrap()).unwrap();
    CODE.get_or_init(read).clone()
}

/// What the application shares, which does not travel.
#[derive(Clone)]
struct Shared {
    code: String,
}

/// What an actor sends to itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Note(String);

/// Does what its client says: a word and what belongs to it. Anything else it sends back with its code and a count.
#[derive(Serialize, Deserialize)]
struct Actor {
    seen: u64,
    #[serde(skip)]
    code: String,
}

impl Actor {
    #[expect(clippy::unused_async, reason = "it is async whether it waits or not")]
    async fn init(State(shared): State<Shared>) -> Self {
        called("init");
        Self {
            seen: 0,
            code: shared.code,
        }
    }

    async fn compressed(shared: State<Shared>) -> Accept<Self> {
        let compression = Compression {
            min_size: 0,
            server_context_takeover: true,
            client_context_takeover: true,
            ..Compression::default()
        };
        Accept::new(Self::init(shared).await).compress(compression)
    }

    async fn lossy(shared: State<Shared>) -> Accept<Self> {
        Accept::new(Self::init(shared).await)
            .overflow(Overflow::DropNewest)
            .protocol("lossy")
    }

    async fn impatient(shared: State<Shared>) -> Accept<Self> {
        Accept::new(Self::init(shared).await).idle_timeout(Duration::from_secs(2))
    }

    async fn limited(shared: State<Shared>) -> Accept<Self> {
        Accept::new(Self::init(shared).await)
            .max_message_size(100)
            .ping_every(Duration::from_millis(200))
    }
}

impl WebSocketHandler<Note> for Actor {
    const HANDOFF: Handoff<Self, Note> = Handoff::serde().with_messages();

    async fn handle(&mut self, frame: Frame, socket: &Socket<Note>) -> Commands {
        let Frame::Text(text) = frame else {
            return match frame {
                Frame::Binary(bytes) => Commands::send(Frame::Binary(bytes)),
                _ => Commands::none(),
            };
        };
        self.seen += 1;
        let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
        let number = || first.parse().unwrap();
        match word {
            "join" => _ = socket.join(rest),
            "forward" => _ = socket.forward(rest),
            "leave" => _ = socket.leave(rest),
            "say" => _ = socket.broadcast(first, "said", second),
            "say_to_others" => _ = socket.broadcast_from(first, "said", second),
            "after" => _ = socket.send_info_after(Duration::from_millis(number()), Note(second.to_owned())),
            "every" => _ = socket.send_info_every(Duration::from_millis(number()), Note(second.to_owned())),
            "notes" => {
                for note in 0..number() {
                    socket.send_info(Note(note.to_string())).unwrap();
                }
                busy(second).await;
            }
            "busy" => busy(first).await,
            "late" => {
                socket.send_info_after(Duration::from_millis(number()), Note("late".to_owned()));
                busy(second).await;
            }
            "flood" => {
                let frames = (0..number()).map(|number| Frame::text(format!("{number} {}", "x".repeat(10_000))));
                return Commands::send_all(frames);
            }
            "pause" => return Commands::send("done").and(Commands::pause()),
            "id" => return Commands::send(socket.id().to_string()),
            _ => return Commands::send(format!("{} {} {text}", self.code, self.seen)),
        }
        Commands::send("done")
    }

    async fn info(&mut self, info: Info<Note>, _socket: &Socket<Note>) -> Commands {
        match info {
            Info::Broadcast(message) if message.payload.as_text() == Some("resume") => Commands::resume(),
            Info::Broadcast(message) => Commands::send(message.payload),
            Info::Message(Note(text)) => Commands::send(format!("{} noted {text}", self.code)),
            _ => Commands::none(),
        }
    }

    async fn resumed(&mut self, resumed: Resumed<'_>, _socket: &Socket<Note>) -> Commands {
        called("resumed");
        self.code.clone_from(&resumed.state::<Shared>().unwrap().code);
        Commands::none()
    }

    async fn terminate(self, _reason: Reason, _socket: &Socket<Note>) {
        called("terminate");
    }
}

/// Waits until the test lets go what has this name: until there is such a file in the directory that all processes are in.
async fn let_go(name: &str) {
    while !std::fs::exists(name).unwrap() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The same in a callback.
async fn busy(name: &str) {
    eprintln!("it is busy");
    let_go(name).await;
}

/// Notes a callback where the test reads it.
fn called(callback: &str) {
    eprintln!("{callback} in {}", code());
}

/// An actor whose messages do not travel.
#[derive(Serialize, Deserialize)]
struct Plain(Actor);

impl WebSocketHandler<Note> for Plain {
    const HANDOFF: Handoff<Self, Note> = Handoff::serde();

    async fn handle(&mut self, frame: Frame, socket: &Socket<Note>) -> Commands {
        self.0.handle(frame, socket).await
    }

    async fn resumed(&mut self, resumed: Resumed<'_>, socket: &Socket<Note>) -> Commands {
        self.0.resumed(resumed, socket).await
    }
}

/// An actor whose state can't be read before the test lets go `held`: it holds up a move.
#[derive(Serialize)]
struct Held(Actor);

impl<'de> Deserialize<'de> for Held {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        eprintln!("a move is held up");
        tokio::task::block_in_place(|| {
            while !std::fs::exists("held").unwrap() {
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        Actor::deserialize(deserializer).map(Self)
    }
}

impl WebSocketHandler<Note> for Held {
    const HANDOFF: Handoff<Self, Note> = Handoff::serde();

    async fn handle(&mut self, frame: Frame, socket: &Socket<Note>) -> Commands {
        self.0.handle(frame, socket).await
    }

    async fn resumed(&mut self, resumed: Resumed<'_>, socket: &Socket<Note>) -> Commands {
        self.0.resumed(resumed, socket).await
    }
}

/// Has no way to travel.
struct Settled;

impl WebSocketHandler for Settled {
    async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
        Commands::send(frame)
    }
}

/// Is not what it was in the old code.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Changing {
    Old { name: String },
    New { first: String, last: String },
}

#[expect(clippy::needless_pass_by_value, reason = "a conversion is given what there was")]
fn split(old: serde_json::Value) -> nova::Result<Split> {
    let name = old["name"].as_str().ok_or_else(|| nova::Error::new("it has no name"))?;
    let (first, last) = name
        .split_once(' ')
        .ok_or_else(|| nova::Error::new("it has one name only"))?;
    Ok(Split {
        state: Changing::New {
            first: first.to_owned(),
            last: last.to_owned(),
        },
    })
}

/// A handler whose state the new code converts.
#[derive(Serialize)]
#[serde(transparent)]
struct Split {
    state: Changing,
}

impl<'de> Deserialize<'de> for Split {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let state = Changing::deserialize(deserializer)?;
        match state {
            Changing::Old { .. } if code() == "new" => Err(serde::de::Error::custom("that is old")),
            state => Ok(Self { state }),
        }
    }
}

impl WebSocketHandler for Split {
    const HANDOFF: Handoff<Self> = Handoff::serde().or_convert(split);

    async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
        Commands::send(match &self.state {
            Changing::Old { name } => format!("old {name}"),
            Changing::New { first, last } => format!("new {first}, {last}"),
        })
    }
}

/// Writes into the session after a while.
async fn write(session: Session, Path((ms, key, value)): Path<(u64, String, String)>) -> nova::Result<&'static str> {
    tokio::time::sleep(Duration::from_millis(ms)).await;
    session.insert(&key, &value)?;
    Ok("written")
}

fn routes() -> Routes<Shared> {
    let routes = Group::new("/")
        .get("/code", async |State(shared): State<Shared>| shared.code)
        .post(
            "/say/{channel}",
            async |pubsub: PubSub, Path(channel): Path<String>, text: String| {
                pubsub.broadcast(channel, "said", text).local.to_string()
            },
        )
        .post(
            "/say_when/{go}/{channel}",
            async |pubsub: PubSub, Path((go, channel)): Path<(String, String)>, text: String| {
                let_go(&go).await;
                pubsub.broadcast(channel, "said", text).missed.to_string()
            },
        )
        .get("/wait/{go}", async |Path(go): Path<String>| {
            let_go(&go).await;
            "waited"
        })
        .get("/write/{ms}/{key}/{value}", write)
        .get("/read/{key}", async |session: Session, Path(key): Path<String>| {
            session.get(&key).unwrap_or_else(|| "nothing".to_owned())
        })
        .get("/end", async |session: Session| session.destroy().is_ok().to_string())
        .get(
            "/members/{channel}",
            async |pubsub: PubSub, Path(channel): Path<String>| pubsub.local_members(&channel).len().to_string(),
        )
        .get("/events", async |State(shared): State<Shared>, sse: nova::sse::Sse| {
            let last = sse.last_event_id().unwrap_or("nothing").to_owned();
            let first = format!("{} after {last}", shared.code);
            sse.events(Some(first), async |first: Option<String>| match first {
                Some(first) => Some((nova::sse::Event::new(first).with_id("7"), None)),
                None => std::future::pending().await,
            })
        })
        .ws("/actor", Actor::init)
        .ws("/compressed", Actor::compressed)
        .ws("/lossy", Actor::lossy)
        .ws("/impatient", Actor::impatient)
        .ws("/limited", Actor::limited)
        .ws("/held", async |shared: State<Shared>| Held(Actor::init(shared).await))
        .ws("/plain", async |shared: State<Shared>| Plain(Actor::init(shared).await))
        .ws("/settled", async || Settled)
        .ws("/split/{name}", async |Path(name): Path<String>| Split {
            state: Changing::Old { name },
        });
    let routes = match code().as_str() {
        "old" => routes.ws("/gone", Actor::init),
        _ => routes,
    };
    Routes::new().group(routes)
}

/// Says when it is dropped.
struct Ticking;

impl Drop for Ticking {
    fn drop(&mut self) {
        eprintln!("the ticker is gone");
    }
}

/// With `NOVA_TEST_TICKS` it broadcasts its code all the time.
async fn start(start: nova::Start) -> nova::Result<Shared> {
    if code() == "fails" {
        return Err(nova::Error::new("there is no database"));
    }
    let pubsub = start.pubsub().clone();
    if std::env::var_os("NOVA_TEST_TICKS").is_some() {
        start.spawn(async move {
            let _guard = Ticking;
            eprintln!("it is ticking");
            loop {
                pubsub.broadcast("ticks", "tick", code());
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
    }
    Ok(Shared { code: code() })
}

fn main() -> nova::Result<()> {
    match code().as_str() {
        "panics" => panic!("it can't start"),
        "hangs" => {
            eprintln!("it hangs");
            std::thread::sleep(Duration::from_mins(1));
        }
        _ => {}
    }
    let app = nova::App::new(routes).start(start);
    app.sessions(nova::session::MemoryStore::new()).run()
}
