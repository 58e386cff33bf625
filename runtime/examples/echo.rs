//! A WebSocket server that sends every message back, for conformance suites and load generators to be pointed at.
//!
//! ```text
//! cargo run --release --example echo -- --port 9001 --max-message-size 16777216
//! ```
//!
//! It serves `ws://127.0.0.1:9001/`: text and binary come back as they are, pings are answered, pongs are taken.
//! Each option is a setting of the server:
//!
//! | option | setting | default |
//! | --- | --- | --- |
//! | `--host` | `server.host` | 127.0.0.1 |
//! | `--port` | `server.port`; 0 is any free one, and the log says which | 8080 |
//! | `--max-connections` | `server.max_connections` | 100000 |
//! | `--max-message-size` | `websocket.max_message_size`, in bytes | 1000000 |
//! | `--max-fragments` | `websocket.max_fragments`, of one message | 1024 |
//! | `--idle-timeout` | `websocket.idle_timeout`, in seconds | 60 |
//! | `--write-timeout` | `websocket.write_timeout`, in seconds | 30 |
//!
//! Suites that send a message in thousands of fragments, or messages of many megabytes, need the limits raised.

use std::env;
use std::process::ExitCode;

use nova::prelude::*;
use nova::{App, Config, Environment};

/// The options and the variables that set the same.
const OPTIONS: [(&str, &str); 7] = [
    ("--host", "NOVA_SERVER_HOST"),
    ("--port", "NOVA_SERVER_PORT"),
    ("--max-connections", "NOVA_SERVER_MAX_CONNECTIONS"),
    ("--max-message-size", "NOVA_WEBSOCKET_MAX_MESSAGE_SIZE"),
    ("--max-fragments", "NOVA_WEBSOCKET_MAX_FRAGMENTS"),
    ("--idle-timeout", "NOVA_WEBSOCKET_IDLE_TIMEOUT"),
    ("--write-timeout", "NOVA_WEBSOCKET_WRITE_TIMEOUT"),
];

struct Echo;

impl WebSocketHandler for Echo {
    async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
        match frame {
            Frame::Text(_) | Frame::Binary(_) => Commands::send(frame),
            _ => Commands::none(),
        }
    }
}

fn routes() -> Routes {
    Routes::new().group(Group::new("/").ws("/", async || Echo))
}

/// What the arguments set.
fn variables(mut arguments: impl Iterator<Item = String>) -> Result<Vec<(String, String)>, String> {
    let mut variables = Vec::new();
    while let Some(argument) = arguments.next() {
        let Some((_, variable)) = OPTIONS.iter().find(|(option, _)| *option == argument) else {
            let known = OPTIONS.map(|(option, _)| option).join(", ");
            return Err(format!("`{argument}` is no option; there are {known}"));
        };
        let value = arguments.next().ok_or_else(|| format!("`{argument}` needs a value"))?;
        variables.push(((*variable).to_owned(), value));
    }
    Ok(variables)
}

fn run() -> nova::Result<()> {
    let variables = variables(env::args().skip(1)).map_err(nova::Error::new)?;
    let config = Config::read(env::current_dir()?, Environment::current(), variables)?;
    App::new(routes).config(config).run()
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:?}");
            ExitCode::FAILURE
        }
    }
}
