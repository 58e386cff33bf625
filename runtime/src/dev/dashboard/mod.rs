//! The dashboard: a page, and a WebSocket on the framework's own engine that tells it what there is to see.
//!
//! A page says what it looks at, and is told about that twice a second, where it has changed. With no page open nobody
//! asks for anything.

mod view;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Shared;
use crate::lifecycle::Lifecycle;
use crate::pubsub::{PubSub, Tap};
use crate::reply::Undispatched;
use crate::websocket::{Commands, Info, Route, Settings, Socket, WebSocketHandler, WebSocketOptions, upgrade};
use crate::wheel::Wheel;
use crate::wire::Frame;

/// How often a page is told.
const PERIOD: Duration = Duration::from_millis(500);

/// It is time to tell.
#[derive(Clone)]
struct Tick;

/// One open dashboard.
struct Dashboard {
    shared: Arc<Shared>,
    wants: Wants,
    /// What it was told last, by section.
    told: BTreeMap<&'static str, Value>,
    /// The last request that it was told of.
    request: u64,
    tap: Option<Tap>,
    /// Turns its wheel. It ends with its owner.
    _clock: JoinSet<()>,
}

/// What a page looks at.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wants {
    section: Section,
    /// What is shown has this in it.
    filter: String,
    /// The channel whose messages are shown.
    channel: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Section {
    #[default]
    Connections,
    Channels,
    Requests,
    Routes,
    Settings,
    Builds,
}

/// Answers the handshake. Its connection is none of the application's.
pub(super) async fn connect(shared: Arc<Shared>, request: Request) -> Response {
    let Some(application) = shared.application.get() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let settings = Settings {
        options: WebSocketOptions::default(),
        pubsub: PubSub::new(),
        wheel: Wheel::new(),
        lifecycle: application.lifecycle.clone(),
        state: Arc::new(()),
        console: None,
    };
    let (parts, _) = request.into_parts();
    let state = (Arc::clone(&shared), settings.wheel.clone());
    let route = Arc::new(Route::default());
    let mut response = upgrade(&Dashboard::init, parts, &state, &settings, route).await;
    if Undispatched::take_from(&mut response).is_some() {
        return (StatusCode::UPGRADE_REQUIRED, [(header::UPGRADE, "websocket")]).into_response();
    }
    response
}

/// Turns the wheel of one dashboard. It is none of the application's, which asks all in it to move where that moves.
async fn turn(wheel: Wheel, lifecycle: Lifecycle) {
    tokio::select! {
        () = wheel.turn() => {}
        () = lifecycle.draining() => wheel.drain(NonZeroU32::MAX, Duration::ZERO).await,
    }
}

impl Dashboard {
    #[expect(clippy::unused_async, reason = "as every `init` is")]
    async fn init(socket: Socket<Tick>, State((shared, wheel)): State<(Arc<Shared>, Wheel)>) -> Self {
        socket.send_info_every(PERIOD, Tick);
        let mut clock = JoinSet::new();
        if let Some(application) = shared.application.get() {
            clock.spawn(turn(wheel, application.lifecycle.clone()));
        }
        Self {
            shared,
            wants: Wants::default(),
            told: BTreeMap::new(),
            request: 0,
            tap: None,
            _clock: clock,
        }
    }

    /// Takes what the page looks at from now on.
    fn want(&mut self, wants: Wants) {
        let listens = self.tap.as_ref().map(|tap| tap.channel().as_str());
        if listens != wants.channel.as_deref() {
            let application = self.shared.application.get();
            self.tap = wants
                .channel
                .as_deref()
                .zip(application)
                .map(|(channel, application)| application.pubsub.tap(channel.into()));
        }
        self.wants = wants;
        self.told.clear();
        self.request = 0;
    }

    /// What is new to the page.
    fn tell(&mut self) -> Commands {
        let mut frames = Vec::new();
        let shared = Arc::clone(&self.shared);
        self.tell_if_new("totals", shared.totals(), &mut frames);
        let filter = self.wants.filter.to_lowercase();
        let shown = match self.wants.section {
            Section::Connections => Some(("connections", shared.connections(&filter))),
            Section::Channels => Some(("channels", shared.channels(&filter))),
            Section::Routes => Some(("routes", shared.routes())),
            Section::Settings => Some(("settings", shared.settings())),
            Section::Builds => Some(("builds", shared.builds())),
            Section::Requests => {
                self.tell_requests(&mut frames);
                None
            }
        };
        if let Some((section, data)) = shown {
            self.tell_if_new(section, data, &mut frames);
        }
        if let Some(tap) = &self.tap {
            let (messages, missed) = tap.take();
            if !messages.is_empty() || missed > 0 {
                let messages: Vec<_> = messages.iter().map(view::message).collect();
                let data = json!({ "channel": tap.channel().as_str(), "messages": messages, "missed": missed });
                frames.push(frame("messages", &data));
            }
        }
        frames.into()
    }

    fn tell_if_new(&mut self, section: &'static str, data: Value, frames: &mut Vec<Frame>) {
        if self.told.get(section) != Some(&data) {
            frames.push(frame(section, &data));
            self.told.insert(section, data);
        }
    }

    fn tell_requests(&mut self, frames: &mut Vec<Frame>) {
        let requests = self.shared.requests.after(self.request);
        let is_first = self.told.insert("requests", Value::Null).is_none();
        if is_first || !requests.is_empty() {
            let rows: Vec<_> = requests.iter().map(view::request).collect();
            frames.push(frame("requests", &json!({ "first": is_first, "rows": rows })));
        }
        self.request = requests.last().map_or(self.request, |request| request.number);
    }
}

fn frame(section: &str, data: &Value) -> Frame {
    Frame::text(json!({ "section": section, "data": data }).to_string())
}

impl WebSocketHandler<Tick> for Dashboard {
    async fn handle(&mut self, frame: Frame, _socket: &Socket<Tick>) -> Commands {
        let Frame::Text(text) = frame else {
            return Commands::none();
        };
        match serde_json::from_str(&text) {
            Ok(wants) => {
                self.want(wants);
                self.tell()
            }
            Err(error) => Commands::close(1008, error.to_string()),
        }
    }

    async fn info(&mut self, info: Info<Tick>, _socket: &Socket<Tick>) -> Commands {
        match info {
            Info::Message(Tick) => self.tell(),
            _ => Commands::none(),
        }
    }
}
