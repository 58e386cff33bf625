//! What open pages are told, as server-sent events.
//!
//! | event | data | meaning |
//! | --- | --- | --- |
//! | `hello` | `build`, `process`, `changes` | the beginning, and what a page forgets all that it was told before for |
//! | `building` | `build` | a build has begun |
//! | `failed` | `stage`, `summary`, `html`, … | it has failed, or changed views can't be used |
//! | `built` | `build`, `seconds` | it has succeeded |
//! | `views` | | changed views are in use, after some that could not be |
//! | `changed` | `css`, `reload`, `changes` | these style sheets are others now, or something else that a page is made of |
//!
//! After `hello` comes how things stand, so that a page which loads while a build is broken shows that. A page that takes its
//! time is told how things stand in place of what it missed: for each, at most 16 events wait.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::lifecycle::Lifecycle;
use crate::sse::{self, KEEP_ALIVE};

/// How many events wait for a page.
const CAPACITY: usize = 16;
/// How many builds are remembered.
const BUILDS: usize = 50;

/// What open pages are told.
pub(super) struct Events {
    sender: broadcast::Sender<Arc<str>>,
    /// Held for some moves of memory. An event is sent under it, so that nobody who begins to listen misses one.
    state: Mutex<State>,
}

/// How things stand.
#[derive(Default)]
struct State {
    /// The number of the build that runs.
    building: Option<u64>,
    /// Why the last build failed, as it is told.
    program: Option<Arc<str>>,
    /// Why changed views are not used.
    views: Option<Arc<str>>,
    /// How often something has changed that needs no build.
    changes: u64,
    /// The latest last.
    builds: VecDeque<Value>,
}

/// Which failure stands in place of which other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Program,
    Views,
}

/// One page's end of it.
struct Listener {
    /// `None` before the beginning.
    events: Option<broadcast::Receiver<Arc<str>>>,
    source: Arc<Events>,
    build: String,
}

impl Events {
    pub(super) fn new() -> Self {
        Self {
            sender: broadcast::Sender::new(CAPACITY),
            state: Mutex::default(),
        }
    }

    pub(super) fn building(&self, build: u64) {
        let mut state = self.lock();
        state.building = Some(build);
        state.note(build, &json!({ "outcome": "building" }));
        self.send(&event("building", &json!({ "build": build })));
    }

    pub(super) fn built(&self, build: u64, seconds: f64) {
        let mut state = self.lock();
        (state.building, state.program) = (None, None);
        state.note(build, &json!({ "outcome": "built", "seconds": seconds }));
        self.send(&event("built", &json!({ "build": build, "seconds": seconds })));
    }

    /// A failure of a build, or of views.
    pub(super) fn failed(&self, of: Of, build: Option<u64>, failure: &impl Serialize, summary: &str) {
        let failed = event("failed", failure);
        let mut state = self.lock();
        match of {
            Of::Views => state.views = Some(Arc::clone(&failed)),
            Of::Program => {
                (state.building, state.program) = (None, Some(Arc::clone(&failed)));
                if let Some(build) = build {
                    state.note(build, &json!({ "outcome": "failed", "summary": summary }));
                }
            }
        }
        self.send(&failed);
    }

    /// Changed views are in use.
    pub(super) fn views_are_good(&self) {
        let mut state = self.lock();
        if state.views.take().is_some() {
            self.send(&event("views", &json!({})));
        }
    }

    /// Something has changed that needs no build.
    pub(super) fn changed(&self, css: &[String], reload: bool) {
        let mut state = self.lock();
        state.changes += 1;
        let data = json!({ "css": css, "reload": reload, "changes": state.changes });
        self.send(&event("changed", &data));
    }

    /// The builds so far, as the supervisor has them.
    pub(super) fn set_history(&self, builds: Vec<Value>) {
        let mut state = self.lock();
        let running = state.building.and_then(|build| state.find(build).cloned());
        state.builds = builds.into();
        if let Some(running) = running
            && state.find(running["build"].as_u64().unwrap_or_default()).is_none()
        {
            state.builds.push_back(running);
        }
        state.forget_the_oldest();
    }

    /// The builds so far, the latest last.
    pub(super) fn history(&self) -> Vec<Value> {
        self.lock().builds.iter().cloned().collect()
    }

    /// How things stand, for a page that listens from now on.
    fn listen(&self, build: &str) -> (String, broadcast::Receiver<Arc<str>>) {
        let state = self.lock();
        let hello = json!({ "build": build, "process": std::process::id(), "changes": state.changes });
        let mut text = format!("retry: 100\n\n{}", event("hello", &hello));
        for event in [&state.program, &state.views].into_iter().flatten() {
            text.push_str(event);
        }
        if let Some(build) = state.building {
            text.push_str(&event("building", &json!({ "build": build })));
        }
        (text, self.sender.subscribe())
    }

    fn send(&self, event: &Arc<str>) {
        // Nobody may be listening.
        let _ = self.sender.send(Arc::clone(event));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn find(&self, build: u64) -> Option<&Value> {
        self.builds.iter().find(|known| known["build"] == build)
    }

    /// Adds to what is known of a build.
    fn note(&mut self, build: u64, members: &Value) {
        let known = self.builds.iter_mut().find(|known| known["build"] == build);
        let entry = match known {
            Some(entry) => entry,
            None => self.builds.push_back_mut(json!({ "build": build })),
        };
        if let (Value::Object(entry), Value::Object(members)) = (entry, members) {
            entry.extend(members.clone());
        }
        self.forget_the_oldest();
    }

    fn forget_the_oldest(&mut self) {
        let surplus = self.builds.len().saturating_sub(BUILDS);
        self.builds.drain(..surplus);
    }
}

/// The stream of events for one page. It ends when the server begins to: the page then connects to what comes after it.
pub(super) fn body(source: Arc<Events>, build: String, lifecycle: Lifecycle) -> Body {
    let listener = Listener {
        events: None,
        source,
        build,
    };
    let stream = sse::Stream {
        lifecycle,
        keep_alive: KEEP_ALIVE,
        says_when_to_return: false,
    };
    sse::body(stream, listener, Listener::next)
}

impl Listener {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        let received = match &mut self.events {
            None => Err(RecvError::Lagged(0)),
            Some(events) => events.recv().await,
        };
        let text = match received {
            Ok(event) => event.to_string(),
            Err(RecvError::Lagged(_)) => {
                let (text, events) = self.source.listen(&self.build);
                self.events = Some(events);
                text
            }
            Err(RecvError::Closed) => return None,
        };
        Some((text.into(), self))
    }
}

/// An event as it is sent. JSON is one line.
fn event(name: &str, data: &impl Serialize) -> Arc<str> {
    let data = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
    format!("event: {name}\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<&str> {
        text.lines().filter_map(|line| line.strip_prefix("event: ")).collect()
    }

    #[test]
    fn a_page_that_comes_late_is_told_how_things_stand() {
        let events = Events::new();
        assert_eq!(names(&events.listen("1").0), ["hello"]);
        events.failed(Of::Program, Some(2), &json!({ "stage": "build" }), "1 error");
        events.failed(Of::Views, None, &json!({ "stage": "views" }), "a view");
        events.building(3);
        assert_eq!(names(&events.listen("1").0), ["hello", "failed", "failed", "building"]);
        events.built(3, 0.5);
        assert_eq!(
            names(&events.listen("1").0),
            ["hello", "failed"],
            "the views are as they were"
        );
        events.views_are_good();
        events.changed(&[], true);
        let (text, _) = events.listen("1");
        assert_eq!(names(&text), ["hello"]);
        assert!(text.contains("\"changes\":1"), "{text}");
    }

    #[test]
    fn a_page_that_takes_its_time_is_told_how_things_stand() {
        crate::testing::run(async {
            let events = Arc::new(Events::new());
            let listener = Listener {
                events: None,
                source: Arc::clone(&events),
                build: "1".to_owned(),
            };
            let (bytes, listener) = listener.next().await.unwrap();
            assert_eq!(names(std::str::from_utf8(&bytes).unwrap()), ["hello"]);
            for build in 0..100 {
                events.building(build);
            }
            let (bytes, listener) = listener.next().await.unwrap();
            assert_eq!(names(std::str::from_utf8(&bytes).unwrap()), ["hello", "building"]);
            events.built(99, 1.0);
            let (bytes, _listener) = listener.next().await.unwrap();
            assert_eq!(names(std::str::from_utf8(&bytes).unwrap()), ["built"]);
        });
    }

    #[test]
    fn builds_are_remembered_with_what_became_of_them() {
        let events = Events::new();
        for build in 1..=60 {
            events.building(build);
        }
        assert_eq!(events.history().len(), BUILDS);
        events.failed(Of::Program, Some(60), &json!({}), "2 errors");
        let last = events.history().pop().unwrap();
        assert_eq!(last, json!({ "build": 60, "outcome": "failed", "summary": "2 errors" }));
        events.building(61);
        events.set_history(vec![json!({ "build": 60, "outcome": "failed" })]);
        let builds: Vec<_> = events.history().iter().map(|build| build["build"].clone()).collect();
        assert_eq!(builds, [60, 61], "the one that runs is no history yet");
    }
}
