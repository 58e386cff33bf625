//! What a controller's return type tells.

use std::borrow::Cow;

use axum::response::{Html, Response};
use http::StatusCode;
use schemars::JsonSchema;

use super::Operation;
use crate::extract::Json;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::sse::Sse;

/// A return type that says what the response has in it.
///
/// A [`Reply`] says nothing: [`Typed::returns`](super::Typed::returns) says it for it. Of a `Result` the error is not
/// told: what becomes of it is the fallback's to say.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what a response has in it",
    label = "what a `typed` controller returns",
    note = "the type in a `Json` derives `nova::openapi::JsonSchema`",
    note = "return a `Reply`, and say what it is with `.returns::<T>(200)`, or implement `nova::openapi::Answer`"
)]
pub trait Answer {
    /// Adds what it returns.
    fn tell(operation: &mut Operation<'_>) {
        let _ = operation;
    }
}

impl Answer for Reply {}
impl Answer for Response {}
impl Answer for Problem {}
impl Answer for StatusCode {}

impl Answer for () {
    fn tell(operation: &mut Operation<'_>) {
        operation.answers(200, "Done.");
    }
}

impl<T: JsonSchema> Answer for Json<T> {
    fn tell(operation: &mut Operation<'_>) {
        operation.returns::<T>(200, "application/json");
    }
}

impl<T> Answer for Html<T> {
    fn tell(operation: &mut Operation<'_>) {
        operation.returns::<String>(200, "text/html");
    }
}

impl Answer for Sse {
    fn tell(operation: &mut Operation<'_>) {
        operation.returns::<String>(200, "text/event-stream");
    }
}

/// A text.
macro_rules! texts {
    ($($type:ty,)*) => {$(
        impl Answer for $type {
            fn tell(operation: &mut Operation<'_>) {
                operation.returns::<String>(200, "text/plain");
            }
        }
    )*};
}

texts! {
    String,
    &'static str,
    Cow<'static, str>,
}

impl<A: Answer, E> Answer for Result<A, E> {
    fn tell(operation: &mut Operation<'_>) {
        A::tell(operation);
    }
}

/// The status is not known before it runs.
impl<A: Answer> Answer for (StatusCode, A) {
    fn tell(operation: &mut Operation<'_>) {
        operation.with_any_success(A::tell);
    }
}

impl<K, V, A: Answer, const N: usize> Answer for ([(K, V); N], A) {
    fn tell(operation: &mut Operation<'_>) {
        A::tell(operation);
    }
}
