//! What a controller's arguments tell.

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Extension, RawPathParams, RawQuery, Request, State};
use http::{Extensions, HeaderMap, Method, Uri, Version};
use schemars::JsonSchema;

use super::Operation;
use crate::client::Client;
use crate::config::Config;
use crate::csrf::CsrfToken;
use crate::environment::Environment;
use crate::extract::{Form, Json, Path, Query};
use crate::health::Health;
use crate::pubsub::PubSub;
use crate::security::AuthData;
use crate::session::Session;

/// An extractor that says what it takes of the request. One of the application's own says it likewise, or nothing:
///
/// ```
/// use nova::openapi::{Argument, Operation};
///
/// struct ApiKey(String);
///
/// impl Argument for ApiKey {
///     fn tell(operation: &mut Operation<'_>) {
///         operation.header("x-api-key", "The key that you were sent");
///     }
/// }
///
/// struct Clock;
///
/// impl Argument for Clock {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what it takes of a request",
    label = "an argument of a `typed` controller",
    note = "the types in `Json`, `Query`, `Form` and `Path` derive `nova::openapi::JsonSchema`",
    note = "an extractor of your own implements `nova::openapi::Argument`: `impl Argument for {Self} {{}}` says nothing"
)]
pub trait Argument {
    /// Adds what it takes.
    fn tell(operation: &mut Operation<'_>) {
        let _ = operation;
    }
}

impl<T: JsonSchema> Argument for Path<T> {
    fn tell(operation: &mut Operation<'_>) {
        operation.path::<T>();
    }
}

impl<T: JsonSchema> Argument for Query<T> {
    fn tell(operation: &mut Operation<'_>) {
        operation.query::<T>();
    }
}

impl<T: JsonSchema> Argument for Json<T> {
    fn tell(operation: &mut Operation<'_>) {
        operation.body::<T>("application/json");
    }
}

impl<T: JsonSchema> Argument for Form<T> {
    fn tell(operation: &mut Operation<'_>) {
        match operation.reads() {
            true => operation.query::<T>(),
            false => operation.body::<T>("application/x-www-form-urlencoded"),
        }
    }
}

impl Argument for String {
    fn tell(operation: &mut Operation<'_>) {
        operation.body::<Self>("text/plain");
    }
}

/// A form with files.
#[cfg(feature = "multipart")]
impl<T: JsonSchema> Argument for crate::extract::Multipart<T> {
    fn tell(operation: &mut Operation<'_>) {
        operation.body::<T>("multipart/form-data");
    }
}

/// A file in a form.
#[cfg(feature = "multipart")]
impl JsonSchema for crate::extract::Upload {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Upload".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "binary" })
    }
}

#[cfg(feature = "multipart")]
impl Argument for crate::extract::MultipartStream {
    fn tell(operation: &mut Operation<'_>) {
        operation.body::<serde_json::Map<String, serde_json::Value>>("multipart/form-data");
    }
}

/// Only a body can be left out, or a path without parameters be that.
impl<A: Argument> Argument for Option<A> {
    fn tell(operation: &mut Operation<'_>) {
        A::tell(operation);
        operation.body_is_optional();
    }
}

impl<A: Argument, E> Argument for Result<A, E> {
    fn tell(operation: &mut Operation<'_>) {
        A::tell(operation);
    }
}

impl<T> Argument for State<T> {}
impl<T> Argument for Extension<T> {}
impl<T> Argument for AuthData<T> {}
impl<T> Argument for ConnectInfo<T> {}

/// What says nothing of the request.
macro_rules! silent {
    ($($type:ty,)*) => {$(
        impl Argument for $type {}
    )*};
}

silent! {
    Bytes,
    Client,
    Config,
    CsrfToken,
    Environment,
    Extensions,
    HeaderMap,
    Health,
    Method,
    PubSub,
    RawPathParams,
    RawQuery,
    Request,
    Session,
    Uri,
    Version,
}
