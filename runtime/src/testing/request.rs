//! A request that a test puts together.

use std::fmt;
use std::pin::Pin;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde::Serialize;

use super::handshake::PEER;
use super::{TestApp, TestClient, TestResponse};
use crate::reply::Watched;

/// What is between the parts of a form. A part that contains it fails the test.
const BOUNDARY: &str = "----nova-testing-boundary";

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A request that is about to be sent: see [`TestApp::send`]. It is sent when it is awaited.
///
/// Like a browser it says that a page of this application sends it (`sec-fetch-site: same-origin`), unless it is given that
/// header or an `origin`: so a form needs no token.
///
/// ```
/// use nova::prelude::*;
/// use nova::testing;
/// # #[derive(serde::Deserialize)]
/// # struct Named { name: String }
/// # async fn rename(Path(id): Path<u32>, Json(new): Json<Named>) -> String { format!("{id} is {}", new.name) }
/// # async fn remove(headers: nova::http::HeaderMap) -> Reply {
/// #     Reply::status(if headers.contains_key("x-sure") { 204 } else { 400 })
/// # }
/// # fn routes() -> Routes { Routes::new().group(Group::new("/").put("/users/{id}", rename).delete("/users/{id}", remove)) }
///
/// testing::run(async {
///     let app = testing::app(routes);
///     let response = app.put("/users/7").json(&json!({ "name": "Ali" })).await;
///     assert_eq!(response.text(), "7 is Ali");
///     assert_eq!(app.delete("/users/7").header("x-sure", "yes").await.status(), 204);
/// });
/// ```
///
/// A form with files, of the feature `multipart`, is sent as a browser does:
///
/// ```
/// # #[cfg(feature = "multipart")] {
/// use nova::prelude::*;
/// use nova::{Multipart, Upload, testing};
///
/// #[derive(serde::Deserialize)]
/// struct Photo { title: String, file: Upload }
///
/// async fn create(Multipart(photo): Multipart<Photo>) -> String {
///     format!("{}: {} bytes", photo.title, photo.file.size())
/// }
/// # fn routes() -> Routes { Routes::new().group(Group::new("/").post("/photos", create)) }
///
/// testing::run(async {
///     let app = testing::app(routes);
///     let response = app.post("/photos").field("title", "Tea").file("file", "tea.png", b"12345").await;
///     assert_eq!(response.text(), "Tea: 5 bytes");
///     assert_eq!(app.post("/photos").field("title", "Tea").await.status(), 422);
/// });
/// # }
/// ```
#[must_use = "it is sent when it is awaited"]
pub struct TestRequest<'a> {
    app: &'a TestApp,
    client: Option<&'a TestClient>,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Content,
    /// Whether it has no header but those that it is given.
    is_bare: bool,
}

enum Content {
    Body(Body),
    /// A form with files, without its end.
    Parts(Vec<u8>),
}

impl<'a> TestRequest<'a> {
    pub(super) fn new(app: &'a TestApp, client: Option<&'a TestClient>, method: Method, path: &str) -> Self {
        Self {
            app,
            client,
            method,
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: Content::Body(Body::empty()),
            is_bare: false,
        }
    }

    /// Sets a header, in place of that which the request would have by itself.
    ///
    /// # Panics
    /// When the name or the value can't be one.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("the name of a header");
        let value = HeaderValue::try_from(value).expect("the value of a header");
        self.headers.insert(name, value);
        self
    }

    /// Has these headers, of which one may come several times, and says nothing of the page that sends it.
    pub(super) fn with_only(mut self, headers: &[(&str, &str)]) -> Self {
        self.is_bare = true;
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).expect("the name of a header");
            let value = HeaderValue::try_from(*value).expect("the value of a header");
            self.headers.append(name, value);
        }
        self
    }

    /// Has this body. It says nothing of what that is: a [`header`](Self::header) does.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = Content::Body(body.into());
        self
    }

    /// Has a body of JSON, and prefers JSON in return.
    ///
    /// # Panics
    /// When `body` can't be serialised.
    pub fn json(self, body: &(impl Serialize + ?Sized)) -> Self {
        let body = serde_json::to_vec(body).expect("the body serialises");
        self.default(header::CONTENT_TYPE, "application/json")
            .default(header::ACCEPT, "application/json")
            .body(body)
    }

    /// Has a form, as a browser sends it from a page of this application: `&[("name", "Ali")]`, a map, or a struct.
    ///
    /// # Panics
    /// When `form` can't be serialised.
    pub fn form(self, form: &(impl Serialize + ?Sized)) -> Self {
        let form = serde_urlencoded::to_string(form).expect("the form serialises");
        self.with_page_headers("application/x-www-form-urlencoded").body(form)
    }

    /// Has this field in a form with files (`multipart/form-data`).
    ///
    /// # Panics
    /// When the name has a quotation mark or a line break in it.
    pub fn field(self, name: &str, text: &str) -> Self {
        self.part(name, None, text.as_bytes())
    }

    /// Has this file in a form with files, with a media type by its extension for some that are usual.
    ///
    /// # Panics
    /// When a name has a quotation mark or a line break in it.
    pub fn file(self, name: &str, file_name: &str, content: impl AsRef<[u8]>) -> Self {
        self.part(name, Some(file_name), content.as_ref())
    }

    fn part(self, name: &str, file_name: Option<&str>, content: &[u8]) -> Self {
        let is_quotable = |text: &str| !text.contains(['"', '\r', '\n']);
        assert!(
            is_quotable(name) && file_name.is_none_or(is_quotable),
            "{name:?}, {file_name:?}: a name with a quotation mark or a line break"
        );
        let mut request = self.with_page_headers(&format!("multipart/form-data; boundary={BOUNDARY}"));
        let mut parts = match request.body {
            Content::Parts(parts) => parts,
            Content::Body(_) => Vec::new(),
        };
        let head = match file_name {
            None => String::new(),
            Some(file_name) => format!("; filename=\"{file_name}\"\r\ncontent-type: {}", media_type(file_name)),
        };
        let head = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"{head}\r\n\r\n");
        parts.extend(head.as_bytes());
        parts.extend(content);
        parts.extend(b"\r\n");
        request.body = Content::Parts(parts);
        request
    }

    /// As a page of this application sends it.
    fn with_page_headers(self, content_type: &str) -> Self {
        self.default(header::CONTENT_TYPE, content_type)
            .default(header::ACCEPT, "text/html")
    }

    fn default(mut self, name: HeaderName, value: &str) -> Self {
        let value = HeaderValue::try_from(value).expect("the value of a header");
        self.headers.entry(name).or_insert(value);
        self
    }

    async fn send(self) -> TestResponse {
        let body = match self.body {
            Content::Body(body) => body,
            Content::Parts(mut parts) => {
                parts.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
                Body::from(parts)
            }
        };
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.path)
            .extension(ConnectInfo(PEER))
            .extension(Watched)
            .body(body)
            .expect("a request");
        *request.headers_mut() = self.headers;
        let headers = request.headers_mut();
        headers
            .entry(header::HOST)
            .or_insert(HeaderValue::from_static("localhost"));
        if !self.is_bare && !headers.contains_key(header::ORIGIN) {
            let own = HeaderValue::from_static("same-origin");
            headers.entry(SITE).or_insert(own);
        }
        if let Some(client) = self.client {
            client.equip(&mut request);
        }
        let response = self.app.call(request).await;
        let response = TestResponse::read(response).await;
        if let Some(client) = self.client {
            client.keep(&response);
        }
        response
    }
}

fn media_type(file_name: &str) -> &'static str {
    match file_name.rsplit('.').next() {
        Some("txt") => "text/plain",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("pdf") => "application/pdf",
        Some("csv") => "text/csv",
        _ => "application/octet-stream",
    }
}

/// Sends it.
///
/// # Panics
/// When the path can't be one, or the body of the response fails.
impl<'a> IntoFuture for TestRequest<'a> {
    type Output = TestResponse;
    type IntoFuture = Pin<Box<dyn Future<Output = TestResponse> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for TestRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}
