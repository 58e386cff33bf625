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

impl Redirect {
    /// A location on this site: a path that begins with one slash, as a form's or a query's `return_to` should be. `None` for
    /// everything that leads a browser elsewhere or that it reads in its own way: other schemes and hosts (`https://evil`,
    /// `//evil`, `javascript:…`), backslashes, which browsers take for slashes, control characters, which they leave out,
    /// spaces, and what is not ASCII.
    ///
    /// ```
    /// use nova::kind::Redirect;
    ///
    /// assert!(Redirect::local("/posts/7?page=2#top").is_some());
    /// assert!(Redirect::local("//evil.example").is_none());
    /// assert!(Redirect::local("/\\evil.example").is_none());
    /// ```
    pub fn local(location: impl Into<String>) -> Option<Self> {
        let location = location.into();
        let is_plain = location.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let is_local = is_plain && location.starts_with('/') && !location.starts_with("//");
        is_local.then_some(Self { location })
    }
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
    /// A value: for a reply with a payload of one's own making, as an `ok` with the name of a view.
    ///
    /// ```
    /// use nova::Reply;
    /// use nova::kind::{self, Data, View};
    ///
    /// let view = View { name: Some("posts/list".into()), variables: Data::new([1, 2]) };
    /// let reply = Reply::of(kind::OK, view);
    /// assert_eq!(reply.kind(), "ok");
    /// ```
    pub fn new(value: impl Serialize + Send + 'static) -> Self {
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
/// symbolic link. A file that is not there is 404, and so is a directory.
///
/// Conditional and range requests are answered (RFC 9110 §13 and §14): a file has a strong `etag` and its `last-modified`;
/// one range is 206, or 416 where it is not in the file; several ranges in one request are answered with the whole file.
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
    pub(crate) precompressed: bool,
}

impl SendFile {
    /// The file at `path` below `root`. A relative root is below the project's.
    pub fn new(root: impl Into<PathBuf>, path: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            path: path.into(),
            range: None,
            mime: None,
            precompressed: false,
        }
    }

    /// Sends these bytes of it, first and last included, whatever range the client asks for.
    #[must_use]
    pub fn range(mut self, bytes: RangeInclusive<u64>) -> Self {
        self.range = Some(bytes);
        self
    }

    /// Sends the content of `path.br`, `path.zst` or `path.gz` beside it to clients that take such a coding, as
    /// [assets](crate::Group::assets) do. Not for directories that others write to: who can put a file there would say what
    /// another one contains.
    #[must_use]
    pub fn precompressed(mut self) -> Self {
        self.precompressed = true;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_redirect_leads_nowhere_else() {
        for local in [
            "/",
            "/a",
            "/a//b",
            "/a?b=https://c#d",
            "/%2F%2Fevil",
            "/a%0d%0ab",
            "/.//a",
        ] {
            assert_eq!(
                Redirect::local(local).map(|redirect| redirect.location),
                Some(local.to_owned())
            );
        }
        for elsewhere in [
            "",
            "a",
            "?a",
            "#a",
            ".",
            "//evil",
            "///evil",
            "/\\evil",
            "\\\\evil",
            "/a\\b",
            "https://evil",
            "http:evil",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,a",
            "mailto:a@b",
            " //evil",
            "/ /evil",
            "/\t/evil",
            "/\n/evil",
            "/\r/evil",
            "/a\r\nset-cookie: b",
            "/\0",
            "/\u{7f}",
            "/\u{2028}",
            "\u{feff}//evil",
            "/é",
        ] {
            assert!(Redirect::local(elsewhere).is_none(), "{elsewhere:?}");
        }
    }
}
