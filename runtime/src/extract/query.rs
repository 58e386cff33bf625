//! The query of a request.

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::parameters;
use crate::problem::Problem;

/// The query: what is behind the `?`.
///
/// ```
/// use nova::prelude::*;
///
/// #[derive(serde::Deserialize)]
/// struct Search { q: String, page: Option<u32> }
///
/// async fn search(Query(search): Query<Search>) -> String {
///     format!("{}, page {}", search.q, search.page.unwrap_or(1))
/// }
///
/// # fn routes() -> Routes { Routes::new().group(Group::new("/").get("/", search)) }
/// # nova::testing::run(async {
/// # let app = nova::testing::app(routes);
/// assert_eq!(app.get("/?q=tea+pots&page=2").await.text(), "tea pots, page 2");
/// assert_eq!(app.get("/?q=tea&page=two").await.status(), 400);
/// # });
/// ```
///
/// A parameter that may be missing is an `Option`, or has a default by `#[serde(default)]`. One that is there and empty is not
/// missing: `page=` is no number. A `Vec`, or another collection, has all the values of its name, one or several
/// (`?tag=a&tag=b`), and with `#[serde(default)]` none; for any other type what comes several times is refused. All of them in
/// their order are a `Query<Vec<(String, String)>>`. Bytes that are no UTF-8 are replaced by `�`.
///
/// # Refusals
///
/// A [`Problem`] with the status 400, whose error names the parameter: the first that is wrong. The name is empty where it is
/// none by itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Query<T>(pub T);

super::wrapper!(Query);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        read(parts.uri.query()).map(Self)
    }
}

/// For a form too, where it is sent with GET.
pub(super) fn read<T: DeserializeOwned>(query: Option<&str>) -> Result<T, Problem> {
    parameters::read(
        query.unwrap_or_default().as_bytes(),
        StatusCode::BAD_REQUEST,
        "the query does not have the expected form",
    )
}
