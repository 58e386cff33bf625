//! The whole application, called in process.

use std::fmt;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http::{HeaderMap, Method, header};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use tower::ServiceExt as _;

use crate::app::{App, RouteTable};
use crate::config::Config;
use crate::environment::Environment;
use crate::pubsub::PubSub;
use crate::router::AppService;

/// An application that answers in process, in the environment `test`.
pub struct TestApp {
    service: AppService,
    pubsub: PubSub,
}

/// A response, read to its end.
#[derive(Debug)]
pub struct TestResponse {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

/// The application with these routes, with the settings of the project's `nova.toml` for the environment `test`.
///
/// # Panics
/// When the application can't start: a setting, a route or a template is wrong.
pub fn app<A>(routes: impl RouteTable<(), A>) -> TestApp {
    App::new(routes).into_test()
}

impl<S: Clone + Send + Sync + 'static> App<S, S> {
    /// The application as its tests see it: called in process, in the environment `test` unless it was given settings.
    ///
    /// # Panics
    /// When the application can't start: a setting, a route or a template is wrong.
    pub fn into_test(self) -> TestApp {
        let app = match self.has_config() {
            true => self,
            false => self.config(Config::load(Environment::TEST).unwrap_or_else(|error| panic!("{error}"))),
        };
        let assembled = app.assemble().unwrap_or_else(|error| panic!("{error:?}"));
        TestApp {
            service: assembled.service,
            pubsub: assembled.pubsub,
        }
    }
}

impl TestApp {
    /// Sends a GET, as a browser does.
    pub async fn get(&self, path: &str) -> TestResponse {
        self.request(
            Method::GET,
            path,
            &[(header::ACCEPT.as_str(), "text/html")],
            Body::empty(),
        )
        .await
    }

    /// Sends a POST with a JSON body.
    ///
    /// # Panics
    /// When `body` can't be serialised.
    pub async fn post_json(&self, path: &str, body: &impl serde::Serialize) -> TestResponse {
        let body = serde_json::to_vec(body).expect("the body serialises");
        let headers = [
            (header::CONTENT_TYPE.as_str(), "application/json"),
            (header::ACCEPT.as_str(), "application/json"),
        ];
        self.request(Method::POST, path, &headers, Body::from(body)).await
    }

    /// Sends any request.
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
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).expect("a request");
        let Ok(response) = self.service.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        TestResponse {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.collect().await.expect("the response's body").to_bytes(),
        }
    }

    /// The application's pub/sub.
    pub fn pubsub(&self) -> &PubSub {
        &self.pubsub
    }
}

impl TestResponse {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header, when it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
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

impl fmt::Debug for TestApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestApp").finish_non_exhaustive()
    }
}
