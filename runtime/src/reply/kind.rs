//! The built-in kinds of reply, with their payloads: for handlers that take the place of built-in ones.
//!
//! ```
//! use nova::kind::{self, Data};
//! use nova::prelude::*;
//! use nova::{App, Replying, RequestContext};
//!
//! /// Puts every JSON answer into an envelope.
//! async fn enveloped(reply: Replying<Data>, _request: RequestContext) -> nova::Result<axum::Json<serde_json::Value>> {
//!     Ok(axum::Json(json!({ "data": reply.payload.to_value()? })))
//! }
//!
//! # use nova::{axum, serde_json};
//! # fn routes() -> Routes { Routes::new() }
//! let app = App::new(routes).reply_handlers(|registry| {
//!     registry.replace(kind::JSON, enveloped);
//!     Ok(())
//! });
//! # let _ = app;
//! ```

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde::Serialize;

/// `json`: anything serialisable.
pub const JSON: Kind<Data> = Kind::new("json");
/// `view`: a view with its variables.
pub const VIEW: Kind<View> = Kind::new("view");
/// `ok`: the same as `view`.
pub const OK: Kind<View> = Kind::new("ok");
/// `status`: nothing but a status.
pub const STATUS: Kind<Bare> = Kind::new("status");
/// `redirect`: a location.
pub const REDIRECT: Kind<Redirect> = Kind::new("redirect");
/// `sendfile`: a file.
pub const SENDFILE: Kind<SendFile> = Kind::new("sendfile");

/// The name of a kind of reply, with the type of its payload.
///
/// A constant of this type makes the payload's type part of the program's types:
///
/// ```
/// use nova::{Kind, Reply};
///
/// struct Table(Vec<[String; 2]>);
/// const CSV: Kind<Table> = Kind::new("csv");
///
/// let reply = Reply::of(CSV, Table(vec![]));
/// assert_eq!(reply.kind(), "csv");
/// ```
pub struct Kind<P> {
    name: &'static str,
    payload: PhantomData<fn(P)>,
}

/// Something serialisable whose type is forgotten: the payload of `json`.
pub struct Data(Box<dyn ToJson>);

/// The payload of `view` and `ok`.
#[derive(Debug)]
pub struct View {
    /// The view's name, where it is not the controller's own.
    pub name: Option<Cow<'static, str>>,
    /// Its variables.
    pub variables: Data,
}

/// The payload of `status`: there is none.
#[derive(Clone, Copy, Debug)]
pub struct Bare;

/// The payload of `redirect`.
#[derive(Clone, Debug)]
pub struct Redirect {
    /// Where to.
    pub location: String,
}

trait ToJson: Send {
    fn to_vec(&self) -> serde_json::Result<Vec<u8>>;
    fn to_value(&self) -> serde_json::Result<serde_json::Value>;
}

impl<T: Serialize + Send> ToJson for T {
    fn to_vec(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }

    fn to_value(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::to_value(self)
    }
}

impl Data {
    pub(super) fn new(value: impl Serialize + Send + 'static) -> Self {
        Self(Box::new(value))
    }

    /// The value as JSON text.
    ///
    /// # Errors
    /// When the value's `Serialize` fails.
    pub fn to_vec(&self) -> serde_json::Result<Vec<u8>> {
        self.0.to_vec()
    }

    /// The value as a JSON value.
    ///
    /// # Errors
    /// When the value's `Serialize` fails.
    pub fn to_value(&self) -> serde_json::Result<serde_json::Value> {
        self.0.to_value()
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_value() {
            Ok(value) => value.fmt(f),
            Err(error) => write!(f, "what does not serialise: {error}"),
        }
    }
}

/// A file to be sent: the payload of `sendfile`.
///
/// The path may come from a request: nothing outside the root is ever sent, whether by `..`, by an absolute path or by a
/// symbolic link. A file that is not there is 404.
///
/// ```
/// use nova::prelude::*;
///
/// async fn report(Path(name): Path<String>) -> Reply {
///     Reply::sendfile(SendFile::new("reports", name).mime("application/pdf"))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct SendFile {
    pub(crate) root: PathBuf,
    pub(crate) path: PathBuf,
    pub(crate) range: Option<RangeInclusive<u64>>,
    pub(crate) mime: Option<String>,
}

impl SendFile {
    /// The file at `path` below `root`. A relative root is below the project's.
    pub fn new(root: impl Into<PathBuf>, path: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            path: path.into(),
            range: None,
            mime: None,
        }
    }

    /// Sends these bytes of it, first and last included, whatever range the client asks for.
    #[must_use]
    pub fn range(mut self, bytes: RangeInclusive<u64>) -> Self {
        self.range = Some(bytes);
        self
    }

    /// Its media type, where the extension does not tell it.
    #[must_use]
    pub fn mime(mut self, mime: impl Into<String>) -> Self {
        self.mime = Some(mime.into());
        self
    }
}

impl<P> Kind<P> {
    /// The kind of this name.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            payload: PhantomData,
        }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<P> Clone for Kind<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Kind<P> {}

impl<P> fmt::Debug for Kind<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kind").field(&self.name).finish()
    }
}

impl<P> From<&'static str> for Kind<P> {
    fn from(name: &'static str) -> Self {
        Self::new(name)
    }
}
