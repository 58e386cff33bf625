//! An application to be besieged: it echoes, feeds and waits.

#![expect(clippy::unused_async, reason = "controllers are async whether they wait or not")]

use nova::prelude::*;
use nova::{Accept, Compression};
use nova_tests::Gate;

struct Echo;

impl Echo {
    async fn init() -> Self {
        Self
    }

    async fn compressed() -> Accept<Self> {
        Accept::new(Self).compress(Compression::default())
    }
}

impl WebSocketHandler for Echo {
    async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
        match frame {
            Frame::Text(_) | Frame::Binary(_) => Commands::send(frame),
            _ => Commands::none(),
        }
    }
}

/// Passes on what is broadcast.
struct Member;

impl Member {
    async fn init(socket: Socket) -> Self {
        socket.join("feed");
        Self
    }
}

impl WebSocketHandler for Member {
    async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
        Commands::none()
    }

    async fn info(&mut self, info: Info, _socket: &Socket) -> Commands {
        match info {
            Info::Broadcast(message) => Commands::send(message.payload),
            _ => Commands::none(),
        }
    }
}

/// Waits for ever at its first frame, of which it keeps nothing.
struct Waiting;

impl Waiting {
    async fn init() -> Self {
        Self
    }
}

impl WebSocketHandler for Waiting {
    async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
        drop(frame);
        eprintln!("waiting");
        Gate::new().pass().await;
        Commands::none()
    }
}

/// Publishes so many kilobytes, each a message, and says how many members are left.
async fn publish(pubsub: PubSub, Path(count): Path<usize>) -> String {
    let payload = "x".repeat(1000);
    for _ in 0..count {
        pubsub.broadcast("feed", "event", payload.as_str());
    }
    pubsub.local_members("feed").len().to_string()
}

fn routes() -> Routes {
    Routes::new().group(
        Group::new("/")
            .ws("/echo", Echo::init)
            .ws("/compressed", Echo::compressed)
            .ws("/feed", Member::init)
            .ws("/waiting", Waiting::init)
            .post("/publish/{count}", publish),
    )
}

fn main() -> nova::Result<()> {
    nova::App::new(routes).run()
}
