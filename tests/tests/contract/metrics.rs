//! What a recorder is told.

use metrics::Key;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use nova::prelude::*;
use nova::testing;

struct Member;

impl Member {
    async fn init(socket: Socket, Path(room): Path<String>) -> Self {
        socket.join(&room);
        Self
    }
}

impl WebSocketHandler for Member {
    async fn handle(&mut self, frame: Frame, socket: &Socket) -> Commands {
        match frame {
            Frame::Text(text) if text == "stop" => Commands::stop(),
            Frame::Text(text) => {
                socket.broadcast("lobby", "message", text);
                Commands::none()
            }
            _ => Commands::none(),
        }
    }

    async fn info(&mut self, info: Info, _socket: &Socket) -> Commands {
        match info {
            Info::Broadcast(message) => Commands::send(message.payload),
            _ => Commands::none(),
        }
    }
}

fn routes() -> Routes {
    Routes::new().group(
        Group::new("/app")
            .get("/users/{id}", async || Reply::status(204))
            .get("/fails", async || -> nova::Result<Reply> {
                Err(nova::Error::new("it failed"))
            })
            .ws("/rooms/{room}", Member::init),
    )
}

/// What a recorder was told in a test.
struct Seen(Vec<(Key, DebugValue)>);

/// Runs a test with a recorder of its own.
fn recorded(test: impl AsyncFnOnce()) -> Seen {
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, || testing::run(test()));
    let seen = recorder.snapshotter().snapshot().into_vec().into_iter();
    Seen(seen.map(|(key, _, _, value)| (key.key().clone(), value)).collect())
}

impl Seen {
    /// The value of a counter or a gauge with these labels, or how many times a histogram was told something.
    fn count(&self, name: &str, labels: &[(&str, &str)]) -> Option<u64> {
        let (_, value) = self.0.iter().find(|(key, _)| {
            key.name() == name
                && key
                    .labels()
                    .map(|label| (label.key(), label.value()))
                    .eq(labels.iter().copied())
        })?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small counts")]
        Some(match value {
            DebugValue::Counter(count) => *count,
            DebugValue::Gauge(value) => value.0 as u64,
            DebugValue::Histogram(values) => values.len() as u64,
        })
    }
}

#[test]
fn requests_are_counted_and_timed_by_route_and_status() {
    let seen = recorded(async || {
        let app = testing::app(routes);
        for path in ["/app/users/1", "/app/users/2", "/app/fails", "/nowhere"] {
            app.get(path).await;
        }
    });
    let requests = |route, status| seen.count("nova_http_requests_total", &[("route", route), ("status", status)]);
    assert_eq!(requests("/app/users/{id}", "204"), Some(2));
    assert_eq!(requests("/app/fails", "500"), Some(1));
    assert_eq!(requests("unmatched", "404"), Some(1));
    let timed = |route| seen.count("nova_http_request_seconds", &[("route", route)]);
    assert_eq!(timed("/app/users/{id}"), Some(2));
    assert_eq!(timed("/app/fails"), Some(1));
}

#[test]
fn connections_and_their_frames_are_counted_by_route() {
    let route = ("route", "/app/rooms/{room}");
    let seen = recorded(async || {
        let app = testing::app(routes);
        let mut one = app.websocket("/app/rooms/lobby").await;
        let mut other = app.websocket("/app/rooms/lobby").await;
        one.send("hello");
        assert_eq!(one.receive_text().await, "hello");
        assert_eq!(other.receive_text().await, "hello");
        other.send("stop");
        other.receive_close().await;
        other.receive_end().await;
    });
    assert_eq!(seen.count("nova_websocket_received_total", &[route]), Some(2));
    assert_eq!(seen.count("nova_websocket_sent_total", &[route]), Some(2));
    let closed = [route, ("reason", "stop")];
    assert_eq!(seen.count("nova_websocket_closed_total", &closed), Some(1));
    assert_eq!(seen.count("nova_websocket_connections", &[route]), Some(1));
    let queues = seen.count("nova_websocket_queue_messages", &[route]);
    assert!(queues.is_some_and(|times| times >= 2), "{queues:?}");
    assert_eq!(seen.count("nova_broadcasts_total", &[]), Some(1));
    assert_eq!(seen.count("nova_broadcasts_delivered_total", &[]), Some(2));
    assert_eq!(seen.count("nova_broadcasts_missed_total", &[]), Some(0));
}
