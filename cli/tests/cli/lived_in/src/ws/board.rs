//! The board at the pier: it shows which boat has come.

use nova::prelude::*;

/// One board.
#[derive(Debug)]
pub struct Board;

impl Board {
    /// Accepts a connection at `/api/v1/boats/live`.
    pub async fn init(socket: Socket) -> Self {
        socket.join("boats");
        Self
    }
}

impl WebSocketHandler for Board {
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
