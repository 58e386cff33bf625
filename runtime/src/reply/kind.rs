//! Kinds of reply, and the payloads of the built-in ones.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde::Serialize;

pub(crate) const JSON: Kind<JsonPayload> = Kind::new("json");
pub(crate) const OK: Kind<ViewPayload> = Kind::new("ok");
pub(crate) const VIEW: Kind<ViewPayload> = Kind::new("view");
pub(crate) const STATUS: Kind<StatusPayload> = Kind::new("status");
pub(crate) const REDIRECT: Kind<RedirectPayload> = Kind::new("redirect");
pub(crate) const SENDFILE: Kind<SendFile> = Kind::new("sendfile");

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

/// The payload of `json`.
pub(crate) struct JsonPayload(pub(crate) Box<dyn ToJson>);

/// The payload of `view` and `ok`.
pub(crate) struct ViewPayload {
    /// The view, where it is not the controller's own.
    pub(crate) name: Option<Cow<'static, str>>,
    pub(crate) data: Box<dyn ToJson>,
}

/// The payload of `status`.
pub(crate) struct StatusPayload;

/// The payload of `redirect`.
pub(crate) struct RedirectPayload(pub(crate) String);

/// Something serialisable whose type is forgotten.
pub(crate) trait ToJson: Send {
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
