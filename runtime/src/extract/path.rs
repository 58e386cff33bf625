//! Parameters of a route's path.

use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, OptionalFromRequestParts, RawPathParams};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::message;
use crate::problem::Problem;

/// The parameters of the route's path: one value, a tuple in their order, or a struct or map by their names. They are
/// percent-decoded.
///
/// ```
/// use nova::prelude::*;
///
/// async fn show(Path((user, post)): Path<(String, u32)>) -> String {
///     format!("post {post} of {user}")
/// }
///
/// # fn routes() -> Routes {
/// Routes::new().group(Group::new("/").get("/{user}/posts/{post}", show))
/// # }
/// # nova::testing::run(async {
/// # let app = nova::testing::app(routes);
/// # assert_eq!(app.get("/ali/posts/7").await.text(), "post 7 of ali");
/// # assert_eq!(app.get("/ali/posts/last").await.status(), 400);
/// # });
/// ```
///
/// # Refusals
///
/// A [`Problem`] with the status 400, whose error names the parameter: it is not of its type, or not UTF-8. A `T` that does
/// not fit the route, as one that has more fields than the path has parameters, is a mistake in the program: a 500, and
/// a line in the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Path<T>(pub T);

super::wrapper!(Path);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let taken = <axum::extract::Path<T> as FromRequestParts<()>>::from_request_parts(parts, &()).await;
        match taken {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(refusal(parts, rejection).await),
        }
    }
}

/// `None` on a route without parameters.
impl<T: DeserializeOwned + Send + 'static, S: Send + Sync> OptionalFromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Problem> {
        let taken = <axum::extract::Path<T> as OptionalFromRequestParts<()>>::from_request_parts(parts, &()).await;
        match taken {
            Ok(value) => Ok(value.map(|axum::extract::Path(value)| Self(value))),
            Err(rejection) => Err(refusal(parts, rejection).await),
        }
    }
}

async fn refusal(parts: &mut Parts, rejection: PathRejection) -> Problem {
    let PathRejection::FailedToDeserializePathParams(failed) = rejection else {
        return mistake(parts, &rejection.body_text());
    };
    let of_type = |expected: &str| format!("expected a value of type {expected}");
    let (name, said) = match failed.kind() {
        ErrorKind::ParseErrorAtKey { key, expected_type, .. } => (key.clone(), of_type(expected_type)),
        ErrorKind::ParseErrorAtIndex {
            index, expected_type, ..
        } => (nth(parts, *index).await, of_type(expected_type)),
        ErrorKind::ParseError { expected_type, .. } => (nth(parts, 0).await, of_type(expected_type)),
        ErrorKind::InvalidUtf8InPathParam { key } => (key.clone(), "expected UTF-8".to_owned()),
        ErrorKind::DeserializeError { key, message, .. } => (key.clone(), message::for_client(message)),
        ErrorKind::Message(said) => (nth(parts, 0).await, message::for_client(said)),
        _ => return mistake(parts, &failed.body_text()),
    };
    Problem::new(StatusCode::BAD_REQUEST)
        .with_detail("the path does not have the expected form")
        .parameter(name, said)
}

/// What the client can't help.
fn mistake(parts: &Parts, what: &str) -> Problem {
    tracing::error!("{} {}: {what}", parts.method, parts.uri.path());
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The name of a parameter by its place, empty where there is none.
async fn nth(parts: &mut Parts, index: usize) -> String {
    let parameters = RawPathParams::from_request_parts(parts, &()).await.ok();
    let name = parameters.and_then(|all| all.iter().nth(index).map(|(name, _)| name.to_owned()));
    name.unwrap_or_default()
}
