//! An application to be looked at in a browser: a page with a style sheet, a WebSocket, and routes that fail.

#![expect(clippy::unused_async, reason = "controllers are async whether they wait or not")]

use nova::prelude::*;

struct Room;

impl Room {
    async fn init(socket: Socket) -> Self {
        socket.join("lobby");
        Self
    }
}

impl WebSocketHandler for Room {
    async fn handle(&mut self, frame: Frame, socket: &Socket) -> Commands {
        if let Frame::Text(text) = frame {
            socket.broadcast("lobby", "message", text);
        }
        Commands::none()
    }

    async fn info(&mut self, info: Info, _socket: &Socket) -> Commands {
        match info {
            Info::Broadcast(message) => Commands::send(message.payload),
            _ => Commands::none(),
        }
    }
}

async fn page() -> Reply {
    Reply::view_named("page", json!({ "process": std::process::id() }))
}

async fn fails() -> nova::Result<Reply> {
    Err(nova::Error::new("it fails"))
}

fn routes() -> Routes {
    Routes::new().group(
        Group::new("/")
            .get("/", page)
            .get("/fails", fails)
            .ws("/room", Room::init)
            .assets("/assets", "assets"),
    )
}

fn main() -> nova::Result<()> {
    nova::App::new(routes).run()
}
