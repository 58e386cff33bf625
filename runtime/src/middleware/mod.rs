//! Ready-made middleware, for a group ([`Group::layer`](crate::Group::layer)) or the whole application
//! ([`App::layer`](crate::App::layer)): with the feature `middleware`.
//!
//! | | what it does | feature |
//! | --- | --- | --- |
//! | [`RequestIds`] | names each request, in its response and in every line of the log | |
//! | [`cors`] | lets pages of other origins in, and answers their preflights | |
//! | [`timeout()`] | ends what takes too long with 503 | |
//! | [`SecurityHeaders`] | headers that browsers protect pages by | |
//! | [`Compression`] | compresses responses | `compression`, `compression-br` |
//! | [`RateLimit`] | ends what comes too often with 429 | `rate-limit` |
//!
//! ```
//! use std::time::Duration;
//!
//! use nova::middleware::{RequestIds, SecurityHeaders, timeout};
//! use nova::prelude::*;
//! # fn routes() -> Routes { Routes::new() }
//!
//! let app = nova::App::new(routes)
//!     .layer(RequestIds::new())
//!     .layer(timeout(Duration::from_secs(30)))
//!     .layer(SecurityHeaders::new());
//! # let _ = app;
//! ```
//!
//! The first is the outermost. All run before security functions, and their statuses become the status pages of the
//! application. A WebSocket's handshake passes through them as a request does; once it is open they are over.
//!
//! Where some are put around the application and some around a group, the application's are outside. Middleware of a group is
//! also around the 405 and the OPTIONS of its paths, but not around what no route answers.
//!
//! Any other tower layer works too: what there is of [`tower-http`](https://docs.rs/tower-http), or
//! [`from_fn`](axum::middleware::from_fn) with a function of one's own. The guide is `docs/middleware.md`.

#[cfg(feature = "compression")]
mod compression;
#[cfg(feature = "rate-limit")]
mod rate_limit;
mod request_ids;
mod security_headers;

use std::pin::Pin;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{FromFn, FromFnLayer, Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::Route;
use http::StatusCode;
use tower::Layer as _;
use tower_http::timeout::TimeoutLayer;

#[cfg(feature = "compression")]
pub use compression::Compression;
#[cfg(feature = "rate-limit")]
pub use rate_limit::RateLimit;
pub use request_ids::{RequestId, RequestIds};
pub use security_headers::SecurityHeaders;
/// Cross-origin resource sharing: the layer of tower-http, [`CorsLayer`](cors::CorsLayer), with what it is configured with.
///
/// Put around the application it answers a preflight for any path: with POST alone, behind a security function (a preflight
/// has no credentials, and is answered before it), or none at all. Around a group it does for the group's paths; of a path that
/// several groups share, the first of them counts. It takes every OPTIONS for a preflight, so that of those paths no list of
/// methods is told.
///
/// ```
/// use nova::http::{HeaderValue, Method, header};
/// use nova::middleware::cors::CorsLayer;
/// # fn routes() -> nova::Routes { nova::Routes::new() }
///
/// let cors = CorsLayer::new()
///     .allow_origin(HeaderValue::from_static("https://app.example.com"))
///     .allow_methods([Method::GET, Method::POST])
///     .allow_headers([header::CONTENT_TYPE, header::AUTHORIZATION]);
/// let app = nova::App::new(routes).layer(cors);
/// # let _ = app;
/// ```
///
/// It grants reading. Requests that change something are refused from other origins by [the check against
/// forgery](crate::CsrfToken) unless `csrf.allowed_origins` names them too, and WebSockets have `websocket.allowed_origins`.
pub use tower_http::cors;

/// Ends a request that has no response within this time with 503 and its status page.
///
/// The controller is dropped where it waits: what it has begun elsewhere may be half done. The time counts until the head of
/// the response, so with the reading of a request's body, for a WebSocket until it is open, and not for what a stream goes on to
/// send.
///
/// ```
/// # use nova::prelude::*;
/// use std::time::Duration;
///
/// # async fn slow() -> Reply { std::future::pending().await }
/// # fn routes() -> Routes {
/// Routes::new().group(
///     Group::new("/reports").layer(nova::middleware::timeout(Duration::from_millis(10))).get("/", slow),
/// )
/// # }
/// # nova::testing::run(async {
/// assert_eq!(nova::testing::app(routes).get("/reports").await.status(), 503);
/// # });
/// ```
pub fn timeout(after: Duration) -> TimeoutLayer {
    TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, after)
}

/// A function around a request, with what it is configured with.
type Apply<T> = fn(State<T>, Request, Next) -> Answer;
type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;
type Applied<T> = FromFn<Apply<T>, T, Route, (State<T>, Request)>;

fn applied<T: Clone>(configuration: &T, apply: Apply<T>, route: Route) -> Applied<T> {
    let layer: FromFnLayer<Apply<T>, T, (State<T>, Request)> = from_fn_with_state(configuration.clone(), apply);
    layer.layer(route)
}
