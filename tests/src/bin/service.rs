//! An application to be ended: its requests and WebSockets last as long as the test wants.

#![expect(clippy::unused_async, reason = "controllers are async whether they wait or not")]

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use nova::Start;
use nova::axum::response::IntoResponse;
use nova::middleware::RequestIds;
use nova::prelude::*;
use nova::sse::Sse;
use nova_tests::Gate;
use nova_tests::process::Failed;

static GATE: LazyLock<Gate> = LazyLock::new(Gate::new);

struct Listener;

impl Listener {
    async fn init() -> Self {
        Self
    }
}

impl WebSocketHandler for Listener {
    async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
        Commands::send(frame)
    }

    async fn terminate(self, reason: Reason, _socket: &Socket) {
        eprintln!("terminate: {reason:?}");
    }
}

struct Stubborn;

impl Stubborn {
    async fn init() -> Self {
        Self
    }
}

impl WebSocketHandler for Stubborn {
    async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
        eprintln!("handling");
        GATE.pass().await;
        Commands::send("handled")
    }
}

async fn begin() -> &'static str {
    eprintln!("begun");
    GATE.pass().await;
    "finished"
}

async fn create() -> Reply {
    Reply::status(201)
}

async fn length(body: String) -> String {
    body.len().to_string()
}

/// A body that says something once, and then nothing more.
#[derive(Default)]
struct Endless {
    is_said: bool,
}

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        if std::mem::replace(&mut self.is_said, true) {
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from("said")))))
    }
}

async fn endless() -> nova::axum::body::Body {
    nova::axum::body::Body::new(Endless::default())
}

async fn panics() -> &'static str {
    panic!("boom")
}

async fn fails() -> nova::Result<Reply> {
    let number: u8 = "x".parse().map_err(std::io::Error::other)?;
    Ok(Reply::json(number))
}

async fn events(sse: Sse, pubsub: PubSub) -> impl IntoResponse {
    let subscription = pubsub.subscribe("events");
    sse.subscription(subscription, |_| None)
}

async fn not_found() -> &'static str {
    "nothing here"
}

async fn nobody() -> Access {
    Access::deny()
}

fn routes() -> Routes {
    Routes::new()
        .group(
            Group::new("/")
                .get("/", async || "here")
                .get("/slow/{id}", begin)
                .post("/posts", create)
                .get("/panic", panics)
                .get("/fails", fails)
                .get("/events", events)
                .get("/unhandled", async || Reply::of("unknown", ()))
                .ws("/ws", Listener::init)
                .ws("/stubborn", Stubborn::init)
                .post("/length", length)
                .get("/large", async || vec![b'x'; 64 << 20])
                .get("/endless", endless)
                .get("/health", nova::health),
        )
        .group(
            Group::new("/admin")
                .host("admin.example")
                .security(nobody)
                .get("/", create),
        )
        .status(404, not_found)
}

/// Opens the gate at the first line on standard input, unless that belongs to a supervisor.
fn await_opening() {
    if std::env::var_os("NOVA_SUPERVISED").is_none() {
        std::thread::spawn(|| {
            if std::io::stdin().lines().next().is_some() {
                GATE.open();
            }
        });
    }
}

/// Says it when it is dropped.
struct Guard(&'static str);

impl Drop for Guard {
    fn drop(&mut self) {
        eprintln!("{}", self.0);
    }
}

/// Does what the test wants at the start.
async fn start(start: Start) -> nova::Result<()> {
    match std::env::var("NOVA_TEST_START").as_deref() {
        Ok("fails") => return Err(Failed("no database").into()),
        Ok("waits") => {
            let guard = Guard("the start is given up");
            eprintln!("starting");
            GATE.pass().await;
            std::mem::forget(guard);
        }
        Ok("panics") => start.spawn(async { panic!("the task has no more") }),
        Ok("task") => start.spawn(async {
            let _guard = Guard("the task is gone");
            eprintln!("the task has begun");
            std::future::pending::<()>().await;
        }),
        Ok("blocks") => start.spawn(async {
            eprintln!("the task has begun");
            std::thread::sleep(Duration::from_mins(1));
        }),
        _ => {}
    }
    Ok(())
}

fn main() -> nova::Result<()> {
    await_opening();
    nova::App::new(routes).start(start).layer(RequestIds::new()).run()
}
