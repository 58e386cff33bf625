//! What is wrong with a request, for the client that sent it (RFC 9457).

use std::borrow::Cow;
use std::fmt;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::status::IntoStatus;

/// What is wrong with a request: the response of every extractor of the framework that refuses, and of controllers that
/// check what they were sent.
///
/// ```
/// use nova::prelude::*;
///
/// #[derive(serde::Deserialize)]
/// struct NewUser { name: String, age: u8 }
///
/// async fn create(Json(user): Json<NewUser>) -> nova::Result<Reply> {
///     Problem::new(422)
///         .require(!user.name.is_empty(), "/name", "must not be empty")
///         .require(user.age >= 18, "/age", "must be 18 or more")
///         .check()?;
///     Ok(Reply::json(json!({ "name": user.name })))
/// }
///
/// # fn routes() -> Routes { Routes::new().group(Group::new("/").post("/", create)) }
/// # nova::testing::run(async {
/// let response = nova::testing::app(routes).post_json("/", &json!({ "name": "", "age": 30 })).await;
/// assert_eq!(response.status(), 422);
/// assert_eq!(
///     response.text(),
///     r#"{"type":"about:blank","title":"Unprocessable Entity","status":422,"errors":[{"pointer":"/name","detail":"must not be empty"}]}"#,
/// );
/// # });
/// ```
///
/// For clients that take JSON, or leave the choice, it is `application/problem+json` (RFC 9457). Others, as browsers, get
/// the status page for its status: that which the application declares, whose controller finds the problem as
/// `Extension<Problem>`, or the default one, which lists the errors.
///
/// It has one form whoever makes it: [`Json`](crate::Json), [`Form`](crate::Form), [`Query`](crate::Query),
/// [`Path`](crate::Path), `Multipart` and the application. `errors` has an object for each thing that is wrong, with `detail` and
/// with where it is: `pointer` in a JSON document, or `parameter`, the name in a form, a query or a path. What is in a body and is
/// of no use is 422; a query or a path that is none is 400, for there is no such resource.
///
/// It is a response wherever a controller returns it, also as the `Err` of a [`nova::Result`](crate::Result): no fallback
/// controller is told of it, and nothing is logged. What it says is for strangers.
///
/// # Other crates' checks
///
/// What crates such as `garde` and `validator` find is given to it in a line. With `garde`, whose report is of paths and
/// errors:
///
/// ```ignore
/// fn problem(report: garde::Report) -> Problem {
///     report.iter().fold(Problem::new(422), |problem, (path, error)| {
///         problem.error(format!("/{}", path.to_string().replace('.', "/")), error.to_string())
///     })
/// }
///
/// user.validate().map_err(problem)?;
/// ```
///
/// With `validator`, of fields and errors:
///
/// ```ignore
/// fn problem(errors: validator::ValidationErrors) -> Problem {
///     errors.field_errors().iter().fold(Problem::new(422), |problem, (field, errors)| {
///         errors.iter().fold(problem, |problem, error| problem.error(format!("/{field}"), error.to_string()))
///     })
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it is a response to be returned, or to be checked"]
pub struct Problem(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Inner {
    r#type: Cow<'static, str>,
    title: Cow<'static, str>,
    #[serde(serialize_with = "number")]
    status: StatusCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Fault {
    #[serde(flatten)]
    place: Place,
    detail: Cow<'static, str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    /// A value in a JSON document (RFC 6901).
    Pointer(Cow<'static, str>),
    /// A parameter of the path, the query or a form.
    Parameter(Cow<'static, str>),
}

impl Problem {
    pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

    /// A problem with this status, and nothing said of it yet: of type `about:blank`, titled with the status's own words.
    ///
    /// A number that is no status code (100 to 999) makes it a 500.
    pub fn new(status: impl IntoStatus) -> Self {
        let status = status.into_status().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self(Box::new(Inner {
            r#type: Cow::Borrowed("about:blank"),
            title: Cow::Borrowed(status.canonical_reason().unwrap_or("Error")),
            status,
            detail: None,
            errors: Vec::new(),
        }))
    }

    /// Sets the type, a URI that names this kind of problem, and what that kind is called (RFC 9457 §3.1).
    pub fn with_type(mut self, uri: impl Into<Cow<'static, str>>, title: impl Into<Cow<'static, str>>) -> Self {
        self.0.r#type = uri.into();
        self.0.title = title.into();
        self
    }

    /// Says what is wrong this time.
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds something that is wrong, and where: a JSON pointer into the body (RFC 6901), which begins with a `/` or is empty,
    /// or else the name of a parameter in the path, the query or a form.
    pub fn error(self, place: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        let place = place.into();
        self.fault(
            match place.is_empty() || place.starts_with('/') {
                true => Place::Pointer(place),
                false => Place::Parameter(place),
            },
            detail.into(),
        )
    }

    /// Adds an [`error`](Self::error) unless the condition holds.
    pub fn require(
        self,
        condition: bool,
        place: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        match condition {
            true => self,
            false => self.error(place, detail),
        }
    }

    /// Goes on where no error was added.
    ///
    /// # Errors
    /// The problem itself, when it has errors.
    pub fn check(self) -> Result<(), Self> {
        match self.0.errors.is_empty() {
            true => Ok(()),
            false => Err(self),
        }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// What this kind of problem is called.
    pub fn title(&self) -> &str {
        &self.0.title
    }

    /// What is wrong this time, where that was said.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The errors: where, and what.
    pub fn errors(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.errors.iter().map(|fault| {
            let (Place::Pointer(place) | Place::Parameter(place)) = &fault.place;
            (&**place, &*fault.detail)
        })
    }

    /// An error at a parameter, whatever its name is.
    pub(crate) fn parameter(self, name: String, detail: String) -> Self {
        self.fault(Place::Parameter(name.into()), detail.into())
    }

    fn fault(mut self, place: Place, detail: Cow<'static, str>) -> Self {
        self.0.errors.push(Fault { place, detail });
        self
    }

    pub(crate) fn to_json(&self) -> String {
        // Strings and a number: there is nothing in it that could fail.
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

/// As JSON. Where a Nova route returns it, and the client prefers another form, dispatch finds it in the extensions.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.to_json()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(Self::MEDIA_TYPE));
        headers.insert(header::VARY, HeaderValue::from_static("accept"));
        response.extensions_mut().insert(self);
        response
    }
}

/// The detail, or the title, and the errors.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail().unwrap_or_else(|| self.title()))?;
        for (place, detail) in self.errors() {
            write!(f, "; {place}: {detail}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_members_of_the_standard_in_order() {
        assert_eq!(
            Problem::new(404).to_json(),
            r#"{"type":"about:blank","title":"Not Found","status":404}"#
        );
        let problem = Problem::new(StatusCode::FORBIDDEN)
            .with_type(
                "https://example.com/probs/out-of-credit",
                "You do not have enough credit.",
            )
            .with_detail("Your balance is 30.")
            .error("/price/0", "is 50")
            .error("", "costs too much")
            .error("q", "is long");
        assert_eq!(
            problem.to_json(),
            concat!(
                r#"{"type":"https://example.com/probs/out-of-credit","title":"You do not have enough credit.","status":403,"#,
                r#""detail":"Your balance is 30.","errors":[{"pointer":"/price/0","detail":"is 50"},"#,
                r#"{"pointer":"","detail":"costs too much"},{"parameter":"q","detail":"is long"}]}"#
            )
        );
        assert_eq!(
            problem.to_string(),
            "Your balance is 30.; /price/0: is 50; : costs too much; q: is long"
        );
    }

    #[test]
    fn a_number_that_is_no_status_is_500() {
        assert_eq!(Problem::new(7).status(), 500);
    }

    #[test]
    fn it_fails_a_check_by_its_errors_alone() {
        assert_eq!(
            Problem::new(422).with_detail("d").require(true, "/a", "x").check(),
            Ok(())
        );
        let problem = Problem::new(422).require(false, "/a", "x");
        assert_eq!(problem.clone().check(), Err(problem));
    }
}
