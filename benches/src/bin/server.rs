//! Nova's server for benchmarks, for any load generator: echo, pub/sub and plain responses.

#![allow(clippy::unused_async, reason = "an `init` is async, whatever it does")]

use std::time::Duration;

use clap::Parser;
use nova::prelude::*;
use nova::{Accept, App, Config};
use nova_benches::page::{self, Page};
use nova_benches::{Result, serving};

const CHANNEL: &str = "all";
/// No run takes so long: a silent connection is not closed in one.
const IDLE_TIMEOUT: Duration = Duration::from_hours(1);

/// Sends each message back.
struct Echo;

impl Echo {
    async fn init() -> Accept<Self> {
        Accept::new(Self).idle_timeout(IDLE_TIMEOUT)
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

/// Joins one channel, and sends nothing: what is published goes straight to its client.
struct Subscriber;

impl Subscriber {
    async fn init(socket: Socket) -> Accept<Self> {
        socket.forward(CHANNEL);
        Accept::new(Self).idle_timeout(IDLE_TIMEOUT)
    }
}

impl WebSocketHandler for Subscriber {
    async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
        Commands::none()
    }
}

/// Joins the same channel, and passes on what is published.
struct Relay;

impl Relay {
    async fn init(socket: Socket) -> Accept<Self> {
        socket.join(CHANNEL);
        Accept::new(Self).idle_timeout(IDLE_TIMEOUT)
    }
}

impl WebSocketHandler for Relay {
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

/// Publishes each message.
struct Publisher;

impl Publisher {
    async fn init() -> Accept<Self> {
        Accept::new(Self).idle_timeout(IDLE_TIMEOUT)
    }
}

impl WebSocketHandler for Publisher {
    async fn handle(&mut self, frame: Frame, socket: &Socket) -> Commands {
        match frame {
            Frame::Text(text) => drop(socket.broadcast(CHANNEL, "message", text)),
            Frame::Binary(bytes) => drop(socket.broadcast(CHANNEL, "message", bytes)),
            _ => {}
        }
        Commands::none()
    }
}

fn routes() -> Routes {
    Routes::new().group(
        Group::new("/")
            .ws("/echo", Echo::init)
            .ws("/sub", Subscriber::init)
            .ws("/sub-info", Relay::init)
            .ws("/pub", Publisher::init)
            .get("/heartbeat", async || Reply::status(200))
            .get("/json", async || Reply::json(json!({ "message": "Hello, World!" })))
            .get("/users/{id}", async |Path(id): Path<u64>| {
                Reply::json(json!({ "id": id }))
            })
            .get("/page", async || Reply::view_named("page", Page::new())),
    )
}

fn main() -> Result<()> {
    serving::run(&serving::Flags::parse(), async |listener| {
        let config = Config::read(page::PROJECT, Environment::PROD, std::env::vars())?;
        let served = App::new(routes).config(config).serve(listener).await;
        Ok(served.map_err(|error| error.to_string())?)
    })
}
