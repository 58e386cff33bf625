//! The whole application, called in process.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::TestRequest;
use super::client::TestClient;
use super::handshake::Handshake;
use crate::app::{App, Assembled, Background, RouteTable};
use crate::config::Config;
use crate::environment::Environment;
use crate::error::Result;
use crate::lifecycle::{Ended, Lifecycle};
use crate::pubsub::PubSub;
use crate::reply::{Failure, Seen};
use crate::router::AppService;
use crate::server::Remaining;
use crate::session::Sessions;
use crate::wheel::Wheel;

/// An application that answers in process, in the environment `test`.
pub struct TestApp {
    pub(super) running: Arc<Running>,
}

/// What serves, as long as the test has its application or a client.
pub(super) struct Running {
    pub(super) service: AppService,
    pub(super) lifecycle: Lifecycle,
    pubsub: PubSub,
    /// Where the application has them.
    pub(super) sessions: Option<Arc<Sessions>>,
    wheel: Wheel,
    /// `None` from the shutdown on.
    background: Mutex<Option<Background>>,
    shutdown_timeout: Duration,
    /// Held for some moves of memory only.
    tasks: Mutex<Tasks>,
}

/// What runs. It ends with its owner.
struct Tasks {
    connections: JoinSet<()>,
    /// Turns the wheel, from the first connection on.
    clock: JoinSet<()>,
    /// `None` from the shutdown on.
    ended: Option<Ended>,
}

/// A response, read to its end.
#[derive(Debug)]
pub struct TestResponse {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
    seen: Option<Seen>,
    failure: Option<Failure>,
}

/// The application with these routes, with the settings of the project's `nova.toml` for the environment `test`.
///
/// # Panics
/// When the application can't start: a setting, a route or a template is wrong.
pub fn app<A>(routes: impl RouteTable<(), A>) -> TestApp {
    TestApp::of(App::new(routes).prepared().assemble_at_once())
}

impl<S: Clone + Send + Sync + 'static> App<S> {
    /// The application as its tests see it: called in process, in the environment `test` unless it was given settings. Its
    /// [start function](Self::start) is called, and what that leaves in the background runs until [`TestApp::shut_down`], or
    /// as long as there is the `TestApp` or a client of it.
    ///
    /// # Panics
    /// When the application can't start: a setting, a route or a template is wrong, or the start function fails.
    pub async fn into_test(self) -> TestApp {
        let app = TestApp::of(self.prepared().assemble().await);
        app.running.begin();
        app
    }
}

impl<S: Clone + Send + Sync + 'static, Given> App<S, Given> {
    fn prepared(self) -> Self {
        let app = match self.has_config() {
            true => self,
            false => self.config(Config::load(Environment::TEST).unwrap_or_else(|error| panic!("{error}"))),
        };
        app.in_test()
    }
}

impl TestApp {
    fn of(assembled: Result<Assembled>) -> Self {
        let assembled = assembled.unwrap_or_else(|error| panic!("{error:?}"));
        Self {
            running: Arc::new(Running {
                service: assembled.service,
                lifecycle: assembled.lifecycle,
                pubsub: assembled.pubsub,
                sessions: assembled.sessions,
                wheel: assembled.wheel,
                background: Mutex::new(Some(assembled.background)),
                shutdown_timeout: assembled.options.shutdown_timeout(),
                tasks: Mutex::new(Tasks {
                    connections: JoinSet::new(),
                    clock: JoinSet::new(),
                    ended: Some(assembled.ended),
                }),
            }),
        }
    }
}

impl Running {
    /// Begins what runs in the background.
    fn begin(&self) {
        if let Some(background) = &*self.background() {
            background.begin();
        }
    }

    fn background(&self) -> MutexGuard<'_, Option<Background>> {
        self.background.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a connection, as a server does.
    pub(super) fn serve(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.connections.try_join_next().is_some() {}
        tasks.connections.spawn(connection);
        if tasks.clock.is_empty() {
            let wheel = self.wheel.clone();
            tasks.clock.spawn(async move { wheel.turn().await });
        }
    }
}

impl TestApp {
    /// Sends a GET, as a browser does.
    pub async fn get(&self, path: &str) -> TestResponse {
        self.send(Method::GET, path).header("accept", "text/html").await
    }

    /// Sends a POST with a JSON body.
    ///
    /// # Panics
    /// When `body` can't be serialised.
    pub async fn post_json(&self, path: &str, body: &impl serde::Serialize) -> TestResponse {
        self.post(path).json(body).await
    }

    /// Sends a form, as a browser does: `&[("name", "Ali")]`, a map, or a struct.
    ///
    /// # Panics
    /// When `form` can't be serialised.
    pub async fn post_form(&self, path: &str, form: &(impl serde::Serialize + ?Sized)) -> TestResponse {
        self.post(path).form(form).await
    }

    /// A POST, which is given what it has besides, and sent when it is awaited.
    pub fn post(&self, path: &str) -> TestRequest<'_> {
        self.send(Method::POST, path)
    }

    /// A PUT, likewise.
    pub fn put(&self, path: &str) -> TestRequest<'_> {
        self.send(Method::PUT, path)
    }

    /// A PATCH, likewise.
    pub fn patch(&self, path: &str) -> TestRequest<'_> {
        self.send(Method::PATCH, path)
    }

    /// A DELETE, likewise.
    pub fn delete(&self, path: &str) -> TestRequest<'_> {
        self.send(Method::DELETE, path)
    }

    /// A request with any method, likewise.
    pub fn send(&self, method: Method, path: &str) -> TestRequest<'_> {
        TestRequest::new(self, None, method, path)
    }

    /// A client of this application that keeps its cookies.
    pub fn client(&self) -> TestClient {
        TestClient::new(Self {
            running: Arc::clone(&self.running),
        })
    }

    /// Sends a request with these headers, of which one may come several times, and no others but a `host`, `localhost` where
    /// they name none.
    ///
    /// # Panics
    /// When the path or a header can't be one, or the body of the response fails.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> TestResponse {
        self.send(method, path).with_only(headers).body(body).await
    }

    /// Sends a request as it is, and gives the response with its body not read yet: for one that is streamed. What was
    /// replied is not kept beside it.
    ///
    /// ```
    /// use nova::axum::body::Body;
    /// use nova::http::Request;
    /// # use nova::prelude::*;
    /// # fn routes() -> Routes { Routes::new().group(Group::new("/").get("/", async || "hello")) }
    ///
    /// nova::testing::run(async {
    ///     let request = Request::get("/").header("host", "localhost").body(Body::empty()).unwrap();
    ///     let response = nova::testing::app(routes).call(request).await;
    ///     assert_eq!(response.status(), 200);
    /// });
    /// ```
    pub async fn call(&self, request: Request) -> Response {
        let Ok(mut response) = self.running.service.clone().oneshot(request).await;
        // As every server says it.
        if let Some(length) = response.body().size_hint().exact() {
            let length = HeaderValue::from(length);
            response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(length);
        }
        response
    }

    /// Opens a WebSocket, in memory: a request that passes the whole application, and then a connection as over TCP.
    ///
    /// ```
    /// use nova::prelude::*;
    /// use nova::testing;
    /// # struct Echo;
    /// # impl WebSocketHandler for Echo {
    /// #     async fn handle(&mut self, frame: Frame, _: &Socket) -> Commands { Commands::send(frame) }
    /// # }
    /// # async fn init(Path(room): Path<String>) -> Result<Echo, Rejection> {
    /// #     if room == "lobby" { Ok(Echo) } else { Err(Reply::status(404).into()) }
    /// # }
    /// # fn routes() -> Routes { Routes::new().group(Group::new("/").ws("/echo/{room}", init)) }
    ///
    /// testing::run(async {
    ///     let app = testing::app(routes);
    ///     let mut client = app.websocket("/echo/lobby").await;
    ///     client.send("hello");
    ///     assert_eq!(client.receive_text().await, "hello");
    ///     assert_eq!(client.close(1000, "").await.code, Some(1000));
    ///
    ///     let refusal = app.websocket("/echo/cellar").open().await.unwrap_err();
    ///     assert_eq!(refusal.status(), 404);
    /// });
    /// ```
    #[track_caller]
    pub fn websocket(&self, path: &str) -> Handshake {
        Handshake::new(Arc::clone(&self.running), path)
    }

    /// Shuts the application down as SIGTERM does: WebSockets are closed with 1001, and it returns when all connections
    /// have ended, or when `server.shutdown_timeout` (30 s) is over and what is left was cut. A second call does nothing.
    pub async fn shut_down(&self) {
        let remaining = {
            let mut tasks = self.running.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(ended) = tasks.ended.take() else { return };
            let connections = std::mem::take(&mut tasks.connections);
            let clock = std::mem::take(&mut tasks.clock);
            Remaining::new(connections, clock, ended, self.running.shutdown_timeout)
        };
        self.running.lifecycle.drain();
        self.running.wheel.drain(NonZeroU32::MAX, Duration::ZERO).await;
        remaining.end().await;
        let background = self.running.background().take();
        if let Some(background) = background {
            background.end().await;
        }
    }

    /// The application's pub/sub.
    pub fn pubsub(&self) -> &PubSub {
        &self.running.pubsub
    }
}

impl TestResponse {
    pub(super) async fn read(response: Response) -> Self {
        let mut read = Self::head(&response);
        let body = response.into_body().collect().await;
        read.body = body.expect("the response's body").to_bytes();
        read
    }

    /// Without its body.
    pub(super) fn head(response: &Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: Bytes::new(),
            seen: response.extensions().get::<Seen>().cloned(),
            failure: response.extensions().get::<Failure>().cloned(),
        }
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header, when it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A header that may come several times: its values that are text, in their order.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.headers.get_all(name).into_iter();
        values.filter_map(|value| value.to_str().ok())
    }

    /// The error that is behind a 500, after the name of the controller: what the log would say. The page does not.
    pub fn error(&self) -> Option<&str> {
        self.failure.as_ref().map(|Failure(said)| &**said)
    }

    /// The kind of reply that the controller gave, or the security function: `json`, `view`, `status`, `redirect`, … `None` for
    /// anything else that it returned, and for an error.
    ///
    /// ```
    /// # nova::testing::run(async {
    /// use nova::prelude::*;
    ///
    /// async fn create() -> Reply {
    ///     Reply::json(json!({ "id": 7 }))
    /// }
    /// # fn routes() -> Routes { Routes::new().group(Group::new("/").post("/", create)) }
    ///
    /// let response = nova::testing::app(routes).post("/").await;
    /// assert_eq!((response.kind(), response.data()), (Some("json"), Some(&json!({ "id": 7 }))));
    /// # });
    /// ```
    pub fn kind(&self) -> Option<&str> {
        self.seen.as_ref().map(|seen| &*seen.kind)
    }

    /// The name of the view that the controller asked for, or that is its own.
    pub fn view(&self) -> Option<&str> {
        self.seen.as_ref()?.view.as_deref()
    }

    /// What the controller replied with `json` or with a view, before it was text or a page.
    pub fn data(&self) -> Option<&serde_json::Value> {
        self.seen.as_ref()?.data.as_ref()
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not, or is not a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }
}

/// The status, and the body where it is text. Behind it the error, where that is why it is 500.
impl fmt::Display for TestResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, String::from_utf8_lossy(&self.body))?;
        match self.error() {
            Some(error) => write!(f, "\n{error}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}

impl fmt::Debug for TestApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestApp").finish_non_exhaustive()
    }
}
