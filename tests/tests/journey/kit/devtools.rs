//! A client of the protocol of Chromium's developer tools: one connection to the browser, a session for each page.

use std::net::TcpStream;

use nova_tests::stream::Uninterrupted;
use serde_json::{Value, json};
use tungstenite::Message;

use super::PATIENCE;
use super::serve::Client;

/// The connection. Calls are answered one after another.
#[derive(Debug)]
pub(crate) struct DevTools {
    socket: Client,
    next: u64,
    /// What pages have complained about: the session and the text.
    complaints: Vec<(String, String)>,
}

impl DevTools {
    /// Connects to the URL that the browser prints when it starts.
    pub(crate) fn connect(url: &str) -> Self {
        let address = url.strip_prefix("ws://").unwrap().split('/').next().unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (socket, _) = tungstenite::client(url, Uninterrupted(stream)).unwrap();
        Self {
            socket,
            next: 0,
            complaints: Vec::new(),
        }
    }

    /// Calls a method of the browser, or of one page's session, and waits for its result.
    #[track_caller]
    pub(crate) fn call(&mut self, session: Option<&str>, method: &str, params: &Value) -> Value {
        self.next += 1;
        let mut message = json!({ "id": self.next, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        self.socket.send(Message::text(message.to_string())).unwrap();
        loop {
            let message: Value = match self.socket.read() {
                Ok(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
                Ok(_) => continue,
                Err(error) => panic!("{method}: {error}"),
            };
            if message["id"] == self.next {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.note(&message);
        }
    }

    /// Remembers an event that tells of something wrong.
    fn note(&mut self, event: &Value) {
        let complaint = match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => &event["params"]["exceptionDetails"]["exception"]["description"],
            Some("Log.entryAdded") if event["params"]["entry"]["level"] == "error" => &event["params"]["entry"],
            _ => return,
        };
        let session = event["sessionId"].as_str().unwrap_or_default();
        self.complaints.push((session.to_owned(), complaint.to_string()));
    }

    /// What this page has complained about until now: exceptions, and files that are not there.
    pub(crate) fn complaints(&self, session: &str) -> Vec<String> {
        let of_page = self.complaints.iter().filter(|(of, _)| of == session);
        of_page.map(|(_, text)| text.clone()).collect()
    }
}
