//! Server-sent events: a response that goes on for as long as there is something to tell.
//!
//! ```
//! use nova::prelude::*;
//! use nova::Received;
//! use nova::sse::{Event, Sse};
//!
//! async fn news(sse: Sse, pubsub: PubSub) -> impl nova::axum::response::IntoResponse {
//!     let subscription = pubsub.subscribe("news");
//!     sse.subscription(subscription, |received| match received {
//!         Received::Message(message) => Some(Event::new(message.payload.as_text()?).named(message.event)),
//!         // A client that reads too slowly has missed some: it may load the page again.
//!         Received::Missed(count) => Some(Event::new(count.to_string()).named("missed")),
//!         _ => None,
//!     })
//! }
//!
//! fn routes() -> Routes {
//!     Routes::new().group(Group::new("/").get("/news", news))
//! }
//! ```
//!
//! In the page: `new EventSource("/news").addEventListener("message", event => …)`. The browser comes back by itself.
//!
//! # Life of a stream
//!
//! - It begins at once, with the time after which a client that is cut off comes back (3 s). While there is nothing to tell
//!   it sends a comment every 15 s ([`Sse::keep_alive`]), by which proxies keep it open and a client that is gone is found.
//! - It ends when what gives its events says so, when the client goes, or when the server ends: then it says when to come back,
//!   by lot between 1 and 5 s, so that not all do at once, and ends like any response. It holds up no shutdown. Where another
//!   process goes on in this one's place ([deployment](crate::App::run)), as at each save under `nova serve`, clients come
//!   back within a second, to that one.
//! - Whatever gives the events is dropped with it. A subscription so leaves its channels.
//! - A client that comes back says which event it has had last ([`Sse::last_event_id`]). What it has missed is to be found by
//!   the application, as from a table: pub/sub keeps nothing.
//!
//! # What waits
//!
//! Events are asked for as the client reads them, but for what the connection's buffers hold. So what waits for a slow client waits
//! where it comes from: in a [`Subscription`], that is 1,024 messages, and then
//! [`Received::Missed`].
//!
//! Axum's own `axum::response::Sse` works as well, but does not know of the server's end: a shutdown waits for it until the
//! deadline. The same goes for any other body without an end.

mod event;
mod stream;

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderName, HeaderValue, header};

pub use event::Event;
pub(crate) use stream::{Stream, body};

use crate::error::Error;
use crate::lifecycle::Lifecycle;
use crate::pubsub::{Received, Subscription};
use crate::scope;

/// After how long a silent stream sends a comment.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What a request for events brings: an extractor, which makes the response. See the [module](self).
#[derive(Debug)]
#[must_use = "it is to make the response"]
pub struct Sse {
    last_event_id: Option<String>,
    keep_alive: Duration,
    lifecycle: Lifecycle,
}

impl Sse {
    /// The id of the last event that the client has had, where it comes back: its header `last-event-id`.
    pub fn last_event_id(&self) -> Option<&str> {
        self.last_event_id.as_deref()
    }

    /// Sets after how long without an event a comment is sent: 15 s, and at least one second.
    pub fn keep_alive(mut self, every: Duration) -> Self {
        self.keep_alive = every.max(Duration::from_secs(1));
        self
    }

    /// A stream of what `next` gives, again and again, until that is nothing. What it needs is in its state, which it is given
    /// and gives back.
    ///
    /// What `next` waits for is not cancelled while the stream goes on. A panic in it ends the stream, and is a line in the log.
    ///
    /// ```
    /// use nova::prelude::*;
    /// use nova::sse::{Event, Sse};
    ///
    /// async fn countdown(sse: Sse) -> impl nova::axum::response::IntoResponse {
    ///     sse.events(10, async |left: u32| {
    ///         let left = left.checked_sub(1)?;
    ///         Some((Event::new(left.to_string()), left))
    ///     })
    /// }
    /// # fn routes() -> Routes { Routes::new().group(Group::new("/").get("/", countdown)) }
    /// # nova::testing::run(async {
    /// let response = nova::testing::app(routes).get("/").await;
    /// assert!(response.text().ends_with("data: 1\n\ndata: 0\n\n"));
    /// # });
    /// ```
    pub fn events<S, F, Fut>(self, state: S, next: F) -> Response
    where
        S: Send + 'static,
        F: Fn(S) -> Fut + Send + 'static,
        Fut: Future<Output = Option<(Event, S)>> + Send + 'static,
    {
        let stream = Stream {
            lifecycle: self.lifecycle,
            keep_alive: self.keep_alive,
            says_when_to_return: true,
        };
        let body = stream::body(stream, state, move |state| {
            let next = next(state);
            async move { next.await.map(|(event, state)| (event.to_string().into(), state)) }
        });
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            // A proxy that collects a response before it passes it on would never pass this one on.
            (
                HeaderName::from_static("x-accel-buffering"),
                HeaderValue::from_static("no"),
            ),
        ];
        (headers, body).into_response()
    }

    /// A stream of what a subscription receives, as `event` has it; what that makes nothing of is not sent.
    pub fn subscription<F>(self, subscription: Subscription, event: F) -> Response
    where
        F: Fn(Received) -> Option<Event> + Send + 'static,
    {
        self.events(
            (subscription, event),
            async |(mut subscription, event): (Subscription, F)| {
                loop {
                    let received = subscription.recv().await;
                    if let Some(made) = event(received) {
                        return Some((made, (subscription, event)));
                    }
                }
            },
        )
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Sse {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        let lifecycle = scope::values(parts)?.lifecycle.clone();
        let id = parts.headers.get("last-event-id");
        // Clients send it as UTF-8, whatever it has in it.
        let id = id.map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
        Ok(Self {
            last_event_id: id,
            keep_alive: KEEP_ALIVE,
            lifecycle,
        })
    }
}
