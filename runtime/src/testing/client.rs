//! One who sends several requests, and keeps cookies between them (RFC 6265).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use http::{Method, header};
use serde::Serialize;

use super::{Handshake, TestApp, TestResponse};

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
}

impl TestClient {
    pub(super) fn new(app: TestApp) -> Self {
        Self {
            app,
            cookies: Mutex::default(),
        }
    }

    /// As [`TestApp::get`].
    pub async fn get(&self, path: &str) -> TestResponse {
        self.request(Method::GET, path, &[("accept", "text/html")], Body::empty())
            .await
    }

    /// As [`TestApp::post_json`].
    ///
    /// # Panics
    /// When `body` can't be serialised.
    pub async fn post_json(&self, path: &str, body: &impl Serialize) -> TestResponse {
        let body = serde_json::to_vec(body).expect("the body serialises");
        let headers = [("content-type", "application/json"), ("accept", "application/json")];
        self.request(Method::POST, path, &headers, body).await
    }

    /// As [`TestApp::post_form`].
    ///
    /// # Panics
    /// When `form` can't be serialised.
    pub async fn post_form(&self, path: &str, form: &(impl Serialize + ?Sized)) -> TestResponse {
        let form = serde_urlencoded::to_string(form).expect("the form serialises");
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "text/html"),
        ];
        self.request(Method::POST, path, &headers, form).await
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
        let cookies = self.sent();
        let cookie = cookies.as_deref().map(|cookies| (header::COOKIE.as_str(), cookies));
        let headers: Vec<_> = headers.iter().copied().chain(cookie).collect();
        let response = self.app.request(method, path, &headers, body).await;
        self.keep(&response);
        response
    }

    /// As [`TestApp::websocket`], with the cookies. Those of the response are not kept.
    #[track_caller]
    pub fn websocket(&self, path: &str) -> Handshake {
        let handshake = self.app.websocket(path);
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

    fn sent(&self) -> Option<String> {
        let cookies = self.cookies();
        let pairs: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    fn keep(&self, response: &TestResponse) {
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
