//! Processes that speak the protocol of a move up to some point.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

/// One side of a move.
pub(crate) struct Fake(BufReader<UnixStream>);

impl Fake {
    pub(crate) fn on(socket: UnixStream) -> Self {
        Self(BufReader::new(socket))
    }

    pub(crate) fn say(&mut self, word: &str) {
        self.say_all(&json!({ "say": word }));
    }

    pub(crate) fn say_all(&mut self, said: &Value) {
        self.write(format!("{said}\n").as_bytes()).unwrap();
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    /// What the other side says next; `None` at the end.
    pub(crate) fn hear(&mut self) -> Option<Value> {
        let mut line = String::new();
        // Who ends with something unread leaves a reset.
        let read = self.0.read_line(&mut line).unwrap_or(0);
        (read > 0).then(|| serde_json::from_str(&line).unwrap())
    }

    /// Hears up to this word.
    pub(crate) fn hear_up_to(&mut self, word: &str) -> Value {
        loop {
            let said = self.hear().unwrap_or_else(|| panic!("{word} was not said"));
            if said["say"] == word {
                return said;
            }
        }
    }

    /// A taker that has said that it could begin.
    pub(crate) fn hello(socket: UnixStream) -> Self {
        let mut fake = Self::on(socket);
        fake.say_all(&json!({ "say": "hello", "version": 2 }));
        fake
    }

    /// A taker for which the giver may stop its connections.
    pub(crate) fn taker(socket: UnixStream) -> Self {
        let mut fake = Self::hello(socket);
        fake.hear_up_to("begin");
        fake.say("ready");
        fake
    }

    /// A giver to whom this was said.
    pub(crate) fn giver(socket: UnixStream) -> Self {
        let mut fake = Self::on(socket);
        assert_eq!(fake.hear(), Some(json!({ "say": "hello", "version": 2 })));
        fake
    }

    pub(crate) fn begin(&mut self) {
        self.say_all(&json!({ "say": "begin", "numbers_after": 1000, "channels": [] }));
        assert_eq!(self.hear(), Some(json!({ "say": "ready" })));
    }
}
