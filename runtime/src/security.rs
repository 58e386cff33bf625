//! Security functions: who may go on, decided before the controller and before a WebSocket's `init`.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Extensions, StatusCode};

use crate::error::Error;
use crate::problem::Problem;
use crate::reply::{Refusal, Reply};

/// What a security function decides.
///
/// A security function is an async function of extractors, one for each group of routes. It may also return a `bool`
/// (`false` is [`deny`](Self::deny)), or a `Result` whose error is a [`nova::Error`](crate::Error): an error or a panic
/// is a 500, never "allowed". A [`Problem`] in the error denies, and is the response.
///
/// ```
/// use nova::prelude::*;
/// use http::HeaderMap;
///
/// #[derive(Clone)]
/// struct User { name: String }
///
/// async fn bearer(headers: HeaderMap) -> Access {
///     match headers.get("authorization").and_then(|value| value.to_str().ok()) {
///         Some("Bearer opensesame") => Access::allow_with(User { name: "ali".into() }),
///         _ => Access::deny(),
///     }
/// }
///
/// async fn greet(AuthData(user): AuthData<User>) -> String {
///     format!("hello {}", user.name)
/// }
///
/// let routes: Routes = Routes::new().group(Group::new("/").security(bearer).get("/", greet));
/// ```
pub struct Access(Decision);

pub(crate) enum Decision {
    Allow(Option<Grant>),
    Deny(Response),
    /// It could not decide: a 500, and nothing a fallback can make a success of.
    Fail(Error),
}

/// Puts data where [`AuthData`] finds it.
type Grant = Box<dyn FnOnce(&mut Extensions) + Send>;

/// What the security function handed over with [`Access::allow_with`]: an extractor for controllers and `init`.
///
/// Where no security function has handed over a `T`, it is a 500: a route was declared outside its group.
#[derive(Clone, Copy, Debug)]
pub struct AuthData<T>(pub T);

#[derive(Clone)]
struct Granted<T>(T);

/// On the request of a test: what each security function is taken to answer.
#[derive(Clone)]
pub(crate) struct Assumed(Arc<dyn Fn(&mut Extensions) + Send + Sync>);

impl Assumed {
    /// To allow with this data.
    pub(crate) fn data<T: Clone + Send + Sync + 'static>(data: T) -> Self {
        Self(Arc::new(move |extensions| {
            extensions.insert(Granted(data.clone()));
        }))
    }

    /// Puts the data where [`AuthData`] finds it.
    pub(crate) fn grant(&self, extensions: &mut Extensions) {
        (self.0)(extensions);
    }
}

impl fmt::Debug for Assumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assumed")
    }
}

impl Access {
    /// Goes on.
    pub fn allow() -> Self {
        Self(Decision::Allow(None))
    }

    /// Goes on, with data for controllers and `init`.
    pub fn allow_with<T: Clone + Send + Sync + 'static>(data: T) -> Self {
        Self(Decision::Allow(Some(Box::new(move |extensions| {
            extensions.insert(Granted(data));
        }))))
    }

    /// 401, with its status page.
    pub fn deny() -> Self {
        Self::deny_with(Reply::status(StatusCode::UNAUTHORIZED))
    }

    /// This response: a reply, such as `Reply::status(403)`, or anything that axum can respond with. One that would say
    /// success is sent with 401.
    pub fn deny_with(response: impl IntoResponse) -> Self {
        let response = response.into_response();
        Self(Decision::Deny(Refusal::mark(StatusCode::UNAUTHORIZED, response)))
    }

    /// Redirects with 302 Found.
    pub fn redirect(location: impl Into<String>) -> Self {
        Self::deny_with(Reply::redirect(location))
    }

    pub(crate) fn into_decision(self) -> Decision {
        self.0
    }
}

/// What a security function may return.
///
/// It is implemented for what becomes an [`Access`], and is not to be implemented by hand.
#[diagnostic::on_unimplemented(
    message = "a security function can't return `{Self}`",
    label = "says neither that a request may go on nor that it may not",
    note = "it returns an `Access`, a `bool`, or a `Result` of these with a `nova::Error`"
)]
pub trait IntoAccess: Into<Access> {}

#[diagnostic::do_not_recommend]
impl<T: Into<Access>> IntoAccess for T {}

impl From<bool> for Access {
    fn from(allowed: bool) -> Self {
        if allowed { Self::allow() } else { Self::deny() }
    }
}

impl<A: Into<Self>> From<Result<A, Error>> for Access {
    fn from(result: Result<A, Error>) -> Self {
        match result {
            Ok(access) => access.into(),
            Err(error) => match error.downcast::<Problem>() {
                Ok(problem) => Self::deny_with(problem),
                Err(error) => Self(Decision::Fail(error)),
            },
        }
    }
}

impl<T: Clone + Send + Sync + 'static, S: Send + Sync> FromRequestParts<S> for AuthData<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        let granted = parts.extensions.get::<Granted<T>>();
        granted.map(|granted| Self(granted.0.clone())).ok_or_else(|| {
            Error::new(format!(
                "no security function of this route has handed over a `{}` with `Access::allow_with`",
                std::any::type_name::<T>()
            ))
        })
    }
}

/// `None` where no security function has handed over a `T`: on a route for everybody, and where one allows some without.
impl<T: Clone + Send + Sync + 'static, S: Send + Sync> OptionalFromRequestParts<S> for AuthData<T> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Infallible> {
        let granted = parts.extensions.get::<Granted<T>>();
        Ok(granted.map(|granted| Self(granted.0.clone())))
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Decision::Allow(None) => f.write_str("Allow"),
            Decision::Allow(Some(_)) => f.write_str("Allow with data"),
            Decision::Deny(response) => f.debug_tuple("Deny").field(&response.status()).finish(),
            Decision::Fail(error) => f.debug_tuple("Fail").field(error).finish(),
        }
    }
}
