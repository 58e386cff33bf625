//! One who sends several requests, and keeps cookies between them (RFC 6265).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderValue, Method, header};
use serde::Serialize;

use super::{Handshake, TestApp, TestRequest, TestResponse};
use crate::security::Assumed;
use crate::session::Session;

/// A client that sends the cookies that it was given: see [`TestApp::client`].
///
/// ```
/// use nova::prelude::*;
/// use nova::http::HeaderMap;
/// use nova::testing;
///
/// async fn log_in() -> Reply {
///     Reply::redirect("/").with_header("set-cookie", "user=ali; HttpOnly")
/// }
/// async fn home(headers: HeaderMap) -> String {
///     format!("{:?}", headers.get("cookie"))
/// }
/// # fn routes() -> Routes { Routes::new().group(Group::new("/").get("/", home).post("/login", log_in)) }
///
/// testing::run(async {
///     let app = testing::app(routes);
///     let ali = app.client();
///     ali.post_form("/login", &[("name", "ali")]).await;
///     assert_eq!(ali.cookie("user").as_deref(), Some("ali"));
///     assert_eq!(ali.get("/").await.text(), r#"Some("user=ali")"#);
///     assert_eq!(app.client().get("/").await.text(), "None");
/// });
/// ```
///
/// It keeps all that it is given until that is taken back, by an empty value or a `Max-Age` of 0 or less: a cookie's other
/// attributes, as its path and when it expires, are not heeded. It follows no redirections.
#[derive(Debug)]
pub struct TestClient {
    app: TestApp,
    /// By name. Held for some moves of memory only.
    cookies: Mutex<BTreeMap<String, String>>,
    /// What security functions are taken to answer.
    assumed: Option<Assumed>,
}

impl TestClient {
    pub(super) fn new(app: TestApp) -> Self {
        Self {
            app,
            cookies: Mutex::default(),
            assumed: None,
        }
    }

    /// Has this session from now on, or has that changed which it has: without the application's login.
    ///
    /// ```
    /// use nova::prelude::*;
    /// use nova::session::MemoryStore;
    /// use nova::{App, testing};
    ///
    /// async fn buy(session: Session) -> nova::Result<Reply> {
    ///     let user: String = session.get("user").unwrap_or_default();
    ///     session.insert("basket", &["tea"])?;
    ///     Ok(Reply::json(json!({ "user": user })))
    /// }
    /// # fn routes() -> Routes { Routes::new().group(Group::new("/").post("/buy", buy)) }
    ///
    /// testing::run(async {
    ///     let app = App::new(routes).sessions(MemoryStore::new()).into_test().await;
    ///     let ali = app.client().with_session(|session| session.insert("user", "ali")).await;
    ///     assert_eq!(ali.post("/buy").await.data(), Some(&json!({ "user": "ali" })));
    ///     assert_eq!(ali.session().await.get::<Vec<String>>("basket").unwrap(), ["tea"]);
    /// });
    /// ```
    ///
    /// # Panics
    /// When the application has no sessions, `change` fails, or the store does.
    pub async fn with_session(self, change: impl FnOnce(&Session) -> crate::Result<()>) -> Self {
        let session = self.session().await;
        change(&session).expect("the session can be changed");
        let mut response = Response::new(Body::empty());
        let saved = session.finish(&mut response).await;
        saved.expect("the session can be saved");
        self.keep(&TestResponse::head(&response));
        self
    }

    /// Its session as it is in the store by now, to be read. What is changed in it is not saved.
    ///
    /// # Panics
    /// When the application has no sessions, or the store fails.
    pub async fn session(&self) -> Session {
        let sessions = self.app.running.sessions.as_ref();
        let sessions = sessions.expect("an application with sessions: see `App::sessions`");
        let mut request = Request::new(Body::empty());
        self.equip(&mut request);
        let session = sessions.begin(request.headers());
        session.load().await.expect("the session can be loaded");
        session
    }

    /// Is known to all security functions from now on: none is called, and each is taken to have answered
    /// [`Access::allow_with`](crate::Access::allow_with) this data. What the functions decide is tested without it.
    ///
    /// ```
    /// use nova::prelude::*;
    /// use nova::testing;
    ///
    /// #[derive(Clone)]
    /// struct User { name: &'static str }
    ///
    /// async fn greet(AuthData(user): AuthData<User>) -> String {
    ///     format!("hello {}", user.name)
    /// }
    /// # async fn bearer() -> Access { Access::deny() }
    /// # fn routes() -> Routes { Routes::new().group(Group::new("/").security(bearer).get("/", greet)) }
    ///
    /// testing::run(async {
    ///     let app = testing::app(routes);
    ///     assert_eq!(app.get("/").await.status(), 401);
    ///     let ali = app.client().with_auth(User { name: "ali" });
    ///     assert_eq!(ali.get("/").await.text(), "hello ali");
    /// });
    /// ```
    #[must_use]
    pub fn with_auth<T: Clone + Send + Sync + 'static>(mut self, data: T) -> Self {
        self.assumed = Some(Assumed::data(data));
        self
    }

    /// As [`TestApp::get`].
    pub async fn get(&self, path: &str) -> TestResponse {
        self.send(Method::GET, path).header("accept", "text/html").await
    }

    /// As [`TestApp::post_json`].
    ///
    /// # Panics
    /// When `body` can't be serialised.
    pub async fn post_json(&self, path: &str, body: &impl Serialize) -> TestResponse {
        self.post(path).json(body).await
    }

    /// As [`TestApp::post_form`].
    ///
    /// # Panics
    /// When `form` can't be serialised.
    pub async fn post_form(&self, path: &str, form: &(impl Serialize + ?Sized)) -> TestResponse {
        self.post(path).form(form).await
    }

    /// As [`TestApp::post`].
    pub fn post(&self, path: &str) -> TestRequest<'_> {
        self.send(Method::POST, path)
    }

    /// As [`TestApp::put`].
    pub fn put(&self, path: &str) -> TestRequest<'_> {
        self.send(Method::PUT, path)
    }

    /// As [`TestApp::patch`].
    pub fn patch(&self, path: &str) -> TestRequest<'_> {
        self.send(Method::PATCH, path)
    }

    /// As [`TestApp::delete`].
    pub fn delete(&self, path: &str) -> TestRequest<'_> {
        self.send(Method::DELETE, path)
    }

    /// As [`TestApp::send`], with the cookies.
    pub fn send(&self, method: Method, path: &str) -> TestRequest<'_> {
        TestRequest::new(&self.app, Some(self), method, path)
    }

    /// As [`TestApp::request`], with the cookies.
    ///
    /// # Panics
    /// As that.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> TestResponse {
        self.send(method, path).with_only(headers).body(body).await
    }

    /// As [`TestApp::websocket`], with the cookies. Those of the response are not kept.
    #[track_caller]
    pub fn websocket(&self, path: &str) -> Handshake {
        let handshake = self.app.websocket(path).assuming(self.assumed.clone());
        match self.sent() {
            Some(cookies) => handshake.header(header::COOKIE.as_str(), &cookies),
            None => handshake,
        }
    }

    /// The value of a cookie that it has.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies().get(name).cloned()
    }

    /// Gives it a cookie, as a browser that was here before has it. An empty value takes it away.
    pub fn set_cookie(&self, name: &str, value: &str) {
        let mut cookies = self.cookies();
        match value {
            "" => cookies.remove(name),
            value => cookies.insert(name.to_owned(), value.to_owned()),
        };
    }

    /// Gives a request what this client has.
    pub(super) fn equip(&self, request: &mut Request) {
        if let Some(cookies) = self.sent() {
            let cookies = HeaderValue::try_from(cookies).expect("cookies that are a header");
            request.headers_mut().append(header::COOKIE, cookies);
        }
        if let Some(assumed) = &self.assumed {
            request.extensions_mut().insert(assumed.clone());
        }
    }

    fn sent(&self) -> Option<String> {
        let cookies = self.cookies();
        let pairs: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    pub(super) fn keep(&self, response: &TestResponse) {
        for cookie in response.headers(header::SET_COOKIE.as_str()) {
            let mut parts = cookie.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            let is_over = parts.any(|attribute| match attribute.split_once('=') {
                Some((key, age)) if key.trim().eq_ignore_ascii_case("max-age") => {
                    age.trim().parse().is_ok_and(|age: i64| age <= 0)
                }
                _ => false,
            });
            self.set_cookie(name.trim(), if is_over { "" } else { value.trim() });
        }
    }

    fn cookies(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use crate::prelude::*;
    use crate::testing::{app, run};

    fn routes() -> Routes {
        let give = async || {
            Reply::status(204)
                .with_header("set-cookie", "a=1; Path=/; Max-Age=60")
                .with_header("set-cookie", "b==x=")
        };
        let take = async || Reply::status(204).with_header("set-cookie", "a=1; max-age=0");
        let tell = async |headers: HeaderMap| match headers.get("cookie") {
            Some(cookies) => cookies.to_str().unwrap_or_default().to_owned(),
            None => String::new(),
        };
        Routes::new().group(Group::new("/").get("/give", give).get("/take", take).get("/tell", tell))
    }

    #[test]
    fn cookies_are_kept_and_taken_back_by_each_client_alone() {
        run(async {
            let app = app(routes);
            let client = app.client();
            let given = client.get("/give").await;
            assert_eq!(
                given.headers("set-cookie").collect::<Vec<_>>(),
                ["a=1; Path=/; Max-Age=60", "b==x="]
            );
            assert_eq!(client.get("/tell").await.text(), "a=1; b==x=");
            client.get("/take").await;
            assert_eq!(client.get("/tell").await.text(), "b==x=");
            assert_eq!(app.client().get("/tell").await.text(), "");
            client.set_cookie("c", "3");
            assert_eq!(client.get("/tell").await.text(), "b==x=; c=3");
        });
    }
}
