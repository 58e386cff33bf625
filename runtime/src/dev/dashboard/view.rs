//! What a dashboard shows, as JSON.

use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::super::Shared;
use super::super::requests::Answered;
use crate::pubsub::Message;
use crate::websocket::Watched;
use crate::wire::Text;

/// How many rows a list has at most; the page says how many there are.
const ROWS: usize = 200;
/// How many channels of one connection are named.
const NAMED: usize = 20;
/// How many characters of a message are shown.
const SHOWN: usize = 500;

impl Shared {
    /// What is always seen.
    pub(super) fn totals(&self) -> Value {
        let total = self.watch.total();
        let channels = self
            .application
            .get()
            .map_or(0, |application| application.pubsub.channel_count());
        json!({
            "name": self.root.file_name().map(|name| name.to_string_lossy()),
            "root": self.root.display().to_string(),
            "build": std::env::var("NOVA_BUILD").ok(),
            "process": std::process::id(),
            "started": millis(self.started),
            "memory": resident_memory(),
            "requests": self.requests.total(),
            "connections": self.watch.len(),
            "channels": channels,
            "accepted": total.connections.load(Ordering::Relaxed),
            "frames_in": total.frames_in.load(Ordering::Relaxed),
            "bytes_in": total.bytes_in.load(Ordering::Relaxed),
            "frames_out": total.frames_out.load(Ordering::Relaxed),
            "bytes_out": total.bytes_out.load(Ordering::Relaxed),
        })
    }

    /// The connections that have `filter` in their route, peer, name or channels.
    pub(super) fn connections(&self, filter: &str) -> Value {
        let open = self.watch.open();
        let mut matching = 0;
        let mut rows = Vec::new();
        for watched in &open {
            if !filter.is_empty() && !has(watched, filter) {
                continue;
            }
            matching += 1;
            if rows.len() < ROWS {
                rows.extend(connection(watched));
            }
        }
        json!({ "all": open.len(), "matching": matching, "rows": rows })
    }

    /// The channels that have `filter` in their names: those with the most members first.
    pub(super) fn channels(&self, filter: &str) -> Value {
        let application = self.application.get();
        let mut channels = application.map_or_else(Vec::new, |application| application.pubsub.channels());
        let all = channels.len();
        channels.retain(|(name, _)| name.to_lowercase().contains(filter));
        let matching = channels.len();
        channels.sort_by(|(name, count), (other, others)| others.cmp(count).then_with(|| name.as_str().cmp(other)));
        let rows: Vec<_> = channels
            .iter()
            .take(ROWS)
            .map(|(name, count)| json!({ "name": name.as_str(), "members": count }))
            .collect();
        json!({ "all": all, "matching": matching, "rows": rows })
    }

    /// The route table, with links to where each is declared.
    pub(super) fn routes(&self) -> Value {
        let routes = self
            .application
            .get()
            .map_or(&[][..], |application| &application.routes);
        let rows = routes.iter().map(|route| {
            let mut row = route.clone();
            let (file, line) = (route["file"].as_str(), route["line"].as_u64());
            if let (Some(file), Some(line)) = (file, line) {
                row["href"] = json!(self.editor.link(file, line, 1));
            }
            row
        });
        rows.collect()
    }

    /// The settings, with links to where the file sets them.
    pub(super) fn settings(&self) -> Value {
        let rows = self.settings.iter().map(|setting| {
            let mut row = json!(setting);
            // A variable has no line.
            let place = setting.origin.rsplit_once(':');
            let place = place.and_then(|(file, line)| Some((file, line.parse().ok()?)));
            row["href"] = json!(place.and_then(|(file, line)| self.editor.link(file, line, 1)));
            row
        });
        rows.collect()
    }

    /// The builds, the latest first.
    pub(super) fn builds(&self) -> Value {
        self.events.history().into_iter().rev().collect()
    }
}

fn has(watched: &Watched, filter: &str) -> bool {
    let peer = watched.peer().map(|peer| peer.to_string()).unwrap_or_default();
    if watched.route.to_lowercase().contains(filter) || peer.contains(filter) {
        return true;
    }
    watched.socket().is_some_and(|socket| {
        socket.id().to_string() == filter
            || socket
                .channels()
                .iter()
                .any(|channel| channel.to_lowercase().contains(filter))
    })
}

/// A row, unless it has just ended.
fn connection(watched: &Watched) -> Option<Value> {
    let socket = watched.socket()?;
    let (messages, bytes) = socket.queue();
    let channels = socket.channels();
    let named: Vec<_> = channels.iter().take(NAMED).map(Text::as_str).collect();
    let passed = &watched.passed;
    Some(json!({
        "id": socket.id().to_string(),
        "route": &*watched.route,
        "peer": watched.peer().map(|peer| peer.to_string()),
        "since": millis(watched.since),
        "channels": channels.len(),
        "named": named,
        "queue": [messages, bytes],
        "in": [passed.frames_in.load(Ordering::Relaxed), passed.bytes_in.load(Ordering::Relaxed)],
        "out": [passed.frames_out.load(Ordering::Relaxed), passed.bytes_out.load(Ordering::Relaxed)],
    }))
}

pub(super) fn request(answered: &Answered) -> Value {
    json!({
        "at": millis(answered.at),
        "peer": answered.peer.map(|peer| peer.to_string()),
        "method": answered.method.as_str(),
        "path": answered.path,
        "route": answered.route.as_deref(),
        "controller": answered.controller,
        "status": answered.status.as_u16(),
        "milliseconds": answered.time.as_secs_f64() * 1000.0,
    })
}

pub(super) fn message(message: &Message) -> Value {
    let (payload, is_cut) = match message.payload.as_text() {
        Some(text) => match text.char_indices().nth(SHOWN) {
            Some((end, _)) => (Some(&text[..end]), true),
            None => (Some(text), false),
        },
        None => (None, false),
    };
    json!({
        "sender": message.sender.map(|sender| sender.to_string()),
        "event": message.event.as_str(),
        "payload": payload,
        "cut": is_cut,
        "bytes": message.payload.len(),
    })
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The memory that the process has, in bytes, where the system says it in a file.
fn resident_memory() -> Option<u64> {
    // It is made when it is read, and there is no disk behind it.
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
