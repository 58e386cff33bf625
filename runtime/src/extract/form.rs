//! Forms of a page.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::body::{self, MediaType};
use super::{parameters, query};
use crate::error::Error;
use crate::problem::Problem;

/// A form, as a page sends it: the body, or the query of a GET or HEAD. As a response, the same.
///
/// ```
/// use nova::prelude::*;
///
/// #[derive(serde::Deserialize)]
/// struct Login { name: String, #[serde(default)] remember: Option<String> }
///
/// async fn login(Form(login): Form<Login>) -> String {
///     format!("hello {}", login.name)
/// }
///
/// # fn routes() -> Routes { Routes::new().group(Group::new("/").post("/login", login)) }
/// # nova::testing::run(async {
/// let response = nova::testing::app(routes).post_form("/login", &[("name", "Ali & Bob")]).await;
/// assert_eq!(response.text(), "hello Ali & Bob");
/// # });
/// ```
///
/// What a field can be is as with [`Query`](crate::Query).
///
/// # Refusals
///
/// Each is a [`Problem`]:
///
/// | status | |
/// | --- | --- |
/// | 400 | the body was cut, or the query of a GET is no `T` |
/// | 413 | the body is longer than `server.body_limit`, or has more than 10,000 fields |
/// | 415 | its content type is not `application/x-www-form-urlencoded` |
/// | 422 | it is no `T`: the error names the parameter |
#[derive(Debug, Clone, Copy, Default)]
pub struct Form<T>(pub T);

super::wrapper!(Form);

const FORM: MediaType = MediaType {
    name: "application/x-www-form-urlencoded",
    is: |essence| essence == FORM.name,
};

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return query::read(request.uri().query()).map(Self);
        }
        let text = body::read(request, &FORM).await?;
        let what = "the form does not have the expected fields";
        parameters::read(&text, StatusCode::UNPROCESSABLE_ENTITY, what).map(Self)
    }
}

/// A value that does not serialise is an error of the controller's: see [`nova::Error`](crate::Error).
impl<T: Serialize> IntoResponse for Form<T> {
    fn into_response(self) -> Response {
        respond(serde_urlencoded::to_string(&self.0))
    }
}

fn respond(serialised: Result<String, serde_urlencoded::ser::Error>) -> Response {
    match serialised {
        Ok(text) => {
            let form = HeaderValue::from_static(FORM.name);
            ([(header::CONTENT_TYPE, form)], text).into_response()
        }
        Err(error) => Error::new(error).into_response(),
    }
}
