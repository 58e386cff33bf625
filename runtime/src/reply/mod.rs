//! What a controller returns: a kind, a payload, and what the response should carry besides.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

pub mod kind;
mod seen;
mod undispatched;

use kind::{Bare, Data, Redirect, View};
pub use kind::{Kind, SendFile};
pub(crate) use seen::{Failure, Seen, Watched};
pub(crate) use undispatched::{Refusal, Undispatched};

use crate::status::IntoStatus;

/// A value that a *reply handler*, found in the registry by the reply's kind, turns into the response.
///
/// | constructor | status | response |
/// | --- | --- | --- |
/// | [`json`](Self::json) | 200, or 201 for a POST | the value as JSON |
/// | [`view`](Self::view), [`ok`](Self::ok) | 200 | the controller's own view, or a [named](Self::view_named) one |
/// | [`status`](Self::status) | the code | its body, or the status page for that code |
/// | [`redirect`](Self::redirect) | 302 | a `location` |
/// | [`sendfile`](Self::sendfile) | 200, 206, 304, 412 or 416 | a file, streamed |
/// | [`of`](Self::of) | 200 | whatever the handler of that kind makes of it |
///
/// All take a [status](Self::with_status), [headers](Self::with_header) and a [body](Self::with_body) of the caller's,
/// which win over the handler's.
///
/// ```
/// use nova::prelude::*;
///
/// async fn create(Json(user): Json<serde_json::Value>) -> Reply {
///     Reply::json(user).with_header("x-powered-by", "tea")
/// }
/// # use serde_json;
/// ```
pub struct Reply {
    kind: Cow<'static, str>,
    payload: Box<dyn Any + Send>,
    overrides: Overrides,
}

/// What the caller wants whatever the handler says.
#[derive(Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) status: Option<StatusCode>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Body>,
    /// The first thing that was wrong with what the caller asked for.
    pub(crate) invalid: Option<String>,
}

/// A body of the caller's.
#[derive(Debug)]
pub enum Body {
    /// `text/plain; charset=utf-8`, unless a header says otherwise.
    Text(String),
    /// `application/json`, unless a header says otherwise.
    Json(serde_json::Value),
}

impl Reply {
    /// A reply of any kind, for a handler that the application has registered.
    ///
    /// With a [`Kind`] the payload's type is checked by the compiler. With a name it is checked when the reply is
    /// dispatched: a handler that expects another type is not called, and the fallback is told.
    pub fn of<P: Send + 'static>(kind: impl Into<Kind<P>>, payload: P) -> Self {
        Self {
            kind: Cow::Borrowed(kind.into().name()),
            payload: Box::new(payload),
            overrides: Overrides::default(),
        }
    }

    /// Anything that serialises, as JSON. The status is 200, or 201 when the request was a POST.
    pub fn json(value: impl Serialize + Send + 'static) -> Self {
        Self::of(kind::JSON, Data::new(value))
    }

    /// The controller's own view with these variables: `controllers::posts::show` renders `views/posts/show`.
    ///
    /// Whether a controller replies with a view is known when it has been called, so that there is one can't be checked at
    /// start: one that is missing is an error (500) that names the file. The templates that are there are all compiled then.
    ///
    /// # What is there by itself
    ///
    /// Where the application has [sessions](crate::session), each view and the layout can use two variables that no controller
    /// gives them:
    ///
    /// ```handlebars
    /// {{#each flashes}}<p class="{{kind}}">{{text}}</p>{{/each}}
    /// <form method="post"><input type="hidden" name="_csrf" value="{{csrf_token}}">…</form>
    /// ```
    ///
    /// `flashes` are the [messages](crate::Session::flashes) of earlier requests, which are then gone: whichever page comes next
    /// shows them, also that of a 404. Within another block it is `@root.flashes`. `csrf_token` is a form's
    /// [token](crate::CsrfToken), another text on every page and good until the session ends, and stands anywhere, in partials and
    /// lists too.
    ///
    /// What a template uses is seen when it is compiled: the session is loaded for those alone that use one of them,
    /// themselves or by a partial or the layout. A view that uses one is an error (500) where its controller gives it a variable
    /// of the same name, and where the application has no sessions.
    pub fn view(variables: impl Serialize + Send + 'static) -> Self {
        let variables = Data::new(variables);
        Self::of(kind::VIEW, View { name: None, variables })
    }

    /// The view of this name with these variables.
    pub fn view_named(name: impl Into<Cow<'static, str>>, variables: impl Serialize + Send + 'static) -> Self {
        let name = Some(name.into());
        let variables = Data::new(variables);
        Self::of(kind::VIEW, View { name, variables })
    }

    /// The same as [`view`](Self::view), under the name that Nova's tutorials use.
    pub fn ok(variables: impl Serialize + Send + 'static) -> Self {
        let variables = Data::new(variables);
        Self::of(kind::OK, View { name: None, variables })
    }

    /// A status. Without a [body](Self::with_body) it is the status page for that code, or empty where there is none.
    ///
    /// A number that is no status code (100 to 999) makes a reply that can't be dispatched: the fallback is told.
    pub fn status(code: impl IntoStatus) -> Self {
        Self::of(kind::STATUS, Bare).with_status(code)
    }

    /// A redirection with 302 Found, or another code [set](Self::with_status) from 300 to 399.
    ///
    /// A location with a control character in it makes a reply that can't be dispatched, never a header. It may be on any
    /// site: for one that comes from the client there is [`redirect_local`](Self::redirect_local).
    pub fn redirect(location: impl Into<String>) -> Self {
        Self::of(
            kind::REDIRECT,
            Redirect {
                location: location.into(),
            },
        )
    }

    /// A redirection to a place on this site that the client has named, and to `otherwise` where what it has named leads
    /// elsewhere: see [`Redirect::local`](kind::Redirect::local).
    ///
    /// ```
    /// use nova::prelude::*;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Login { return_to: Option<String> }
    ///
    /// async fn login(Form(login): Form<Login>) -> Reply {
    ///     Reply::redirect_local(login.return_to.unwrap_or_default(), "/")
    /// }
    /// ```
    pub fn redirect_local(location: impl Into<String>, otherwise: &'static str) -> Self {
        match Redirect::local(location) {
            Some(redirect) => Self::of(kind::REDIRECT, redirect),
            None => Self::redirect(otherwise),
        }
    }

    /// A file, streamed. Conditional and range requests are answered.
    pub fn sendfile(file: SendFile) -> Self {
        Self::of(kind::SENDFILE, file)
    }

    /// Sets the status.
    #[must_use]
    pub fn with_status(mut self, code: impl IntoStatus) -> Self {
        match code.into_status() {
            Ok(status) => self.overrides.status = Some(status),
            Err(code) => self.overrides.invalidate(format!("{code} is no HTTP status code")),
        }
        self
    }

    /// Sets a header. Of the same name set twice, both are sent.
    ///
    /// A name or value that can't stand in a header makes a reply that can't be dispatched: the fallback is told.
    #[must_use]
    pub fn with_header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let (name, value) = (name.as_ref(), value.as_ref());
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => {
                self.overrides.headers.append(name, value);
            }
            (Err(_), _) => self.overrides.invalidate(format!("{name:?} is no header name")),
            (_, Err(_)) => self
                .overrides
                .invalidate(format!("{value:?} is no value for the header {name}")),
        }
        self
    }

    /// Sets the body: text, or a JSON value.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Body>) -> Self {
        self.overrides.body = Some(body.into());
        self
    }

    /// The kind, by which the registry finds the handler.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The payload, when it is a `P`.
    pub fn payload<P: 'static>(&self) -> Option<&P> {
        self.payload.downcast_ref()
    }

    /// What a `json` or view reply carries, as a JSON value: for tests of a controller.
    pub fn data(&self) -> Option<serde_json::Value> {
        let json = self.payload::<Data>();
        let data = json.or_else(|| self.payload::<View>().map(|view| &view.variables))?;
        data.to_value().ok()
    }

    /// The status that the caller has set.
    pub fn status_code(&self) -> Option<StatusCode> {
        self.overrides.status
    }

    pub(crate) fn overrides(&self) -> &Overrides {
        &self.overrides
    }

    pub(crate) fn into_parts(self) -> (Cow<'static, str>, Box<dyn Any + Send>, Overrides) {
        (self.kind, self.payload, self.overrides)
    }
}

impl Overrides {
    fn invalidate(&mut self, why: String) {
        self.invalid.get_or_insert(why);
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<serde_json::Value> for Body {
    fn from(value: serde_json::Value) -> Self {
        Self::Json(value)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("kind", &self.kind)
            .field("data", &self.data())
            .field("overrides", &self.overrides)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use axum::response::{IntoResponse as _, Response};

    use super::*;

    #[test]
    fn what_is_wrong_is_kept_for_the_fallback_and_nothing_panics() {
        assert_eq!(
            Reply::status(42).overrides().invalid.as_deref(),
            Some("42 is no HTTP status code")
        );
        let reply = Reply::json(1).with_header("x-a", "a\r\nb").with_header("bad name", "");
        assert_eq!(
            reply.overrides().invalid.as_deref(),
            Some("\"a\\r\\nb\" is no value for the header x-a")
        );
    }

    #[test]
    fn a_reply_is_taken_out_of_its_response_once() {
        let mut response = (StatusCode::CREATED, Reply::json(1)).into_response();
        let mut copy = Response::new(());
        copy.extensions_mut().extend(response.extensions().clone());
        assert!(matches!(
            Undispatched::take_from(&mut response),
            Some(Undispatched::Reply(_))
        ));
        assert_eq!(response.status(), StatusCode::CREATED);
        assert!(Undispatched::take_from(&mut copy.map(|()| axum::body::Body::empty())).is_none());
    }
}
