//! Forms with files (RFC 7578), read as they come.

mod pace;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{StatusCode, header};
use http_body_util::LengthLimitError;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use self::pace::{Pace, Paced, TooLong};
use super::body::content_type;
use super::upload::{self, Upload};
use super::values::{self, Pairs, Value, shortened};
use crate::error::Result as NovaResult;
use crate::problem::Problem;
use crate::scope;

const MEDIA_TYPE: &str = "multipart/form-data";
/// The longest boundary (RFC 2046 §5.1.1).
const MAX_BOUNDARY: usize = 70;

/// The section `[uploads]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UploadOptions {
    /// The most fields of a form, files among them.
    max_fields: usize,
    /// The most bytes of a field that is no file.
    max_field_size: usize,
    /// The most bytes of a file. Where it does not say, as many as the body may have.
    max_file_size: Option<u64>,
    /// The most bytes of a file that is kept in memory.
    memory: usize,
    /// Where larger ones are. Where it does not say, the system's directory for temporary files.
    dir: Option<PathBuf>,
}

impl Default for UploadOptions {
    fn default() -> Self {
        Self {
            max_fields: 100,
            max_field_size: 64 * 1024,
            max_file_size: None,
            memory: 64 * 1024,
            dir: None,
        }
    }
}

impl UploadOptions {
    /// With its directory below the project's, if it is relative.
    pub(crate) fn below(mut self, root: &std::path::Path) -> Self {
        self.dir = self.dir.map(|dir| root.join(dir));
        self
    }
}

/// A form with files, as a type: texts, and [`Upload`]s. Of the feature `multipart`.
///
/// ```
/// use nova::prelude::*;
/// use nova::{Multipart, Upload};
///
/// #[derive(serde::Deserialize)]
/// struct NewPost { title: String, #[serde(default)] tags: Vec<String>, photo: Upload, more: Option<Upload> }
///
/// async fn create(Multipart(post): Multipart<NewPost>) -> nova::Result<Reply> {
///     let name = post.photo.file_name().unwrap_or("photo").to_owned();
///     let size = post.photo.size();
///     post.photo.save("/var/lib/photos/of-my-own-naming").await?;
///     Ok(Reply::json(json!({ "title": post.title, "tags": post.tags, "photo": name, "size": size })))
/// }
/// # async fn measure(Multipart(post): Multipart<NewPost>) -> String {
/// #     format!("{}: {} bytes, {}", post.title, post.photo.size(), post.more.is_none())
/// # }
/// # fn routes() -> Routes { Routes::new().group(Group::new("/").post("/", measure).post("/save", create)) }
/// # nova::testing::run(async {
/// # let app = nova::testing::app(routes);
/// # let headers = [("content-type", "multipart/form-data; boundary=b")];
/// # let form = "--b\r\ncontent-disposition: form-data; name=\"title\"\r\n\r\nTea\r\n--b\r\n\
/// #     content-disposition: form-data; name=\"photo\"; filename=\"a.png\"\r\n\r\n12345\r\n--b--\r\n";
/// # let response = app.request(nova::http::Method::POST, "/", &headers, form).await;
/// # assert_eq!(response.text(), "Tea: 5 bytes, true");
/// # });
/// ```
///
/// What a field can be is as with [`Query`](crate::Query), and an `Upload`, an `Option<Upload>` or a `Vec<Upload>`. A file
/// field in which the visitor chose nothing is missing. Fields that the type does not name are read past, and kept nowhere; a
/// type with `#[serde(flatten)]` does not say its names, so that all are kept until it is read.
///
/// A form with files is longer than others: its group needs a [`body_limit`](crate::Group::body_limit) that says how long.
///
/// # Files
///
/// Each file comes to its end before the controller is called: those up to `uploads.memory` bytes (64 KiB) are in memory, others
/// in temporary files, which are gone with their `Upload` unless that is [saved](Upload::save). They are written by
/// threads that may wait. Whatever ends the request, also a client that hangs up in the middle, removes them; a process that is
/// killed leaves them. For anything else, as to pass a file on as it comes, there is [`MultipartStream`].
///
/// # Refusals
///
/// Each is a [`Problem`], whose error names the field where it is one:
///
/// | status | |
/// | --- | --- |
/// | 400 | the body is no multipart form, names no boundary, or was cut |
/// | 413 | it is longer than the body limit, a text than `uploads.max_field_size` (64 KiB), a file than `uploads.max_file_size` (none), or there are more fields than `uploads.max_fields` (100) |
/// | 415 | its content type is not `multipart/form-data` |
/// | 422 | it is no `T`: a field is missing, comes twice, is a text where a file is expected, or is no UTF-8 |
#[derive(Debug, Clone, Copy, Default)]
pub struct Multipart<T>(pub T);

super::wrapper!(Multipart);

/// A form with files, field by field as it comes. Of the feature `multipart`.
///
/// ```
/// use nova::prelude::*;
/// use nova::MultipartStream;
///
/// /// Counts the bytes of a file, of which no more than a piece is ever in memory.
/// async fn count(mut form: MultipartStream) -> Result<String, Problem> {
///     let mut count = 0;
///     while let Some(mut field) = form.next().await? {
///         if field.name() == "file" {
///             while let Some(piece) = field.piece().await? {
///                 count += piece.len();
///             }
///         }
///     }
///     Ok(count.to_string())
/// }
/// # fn routes() -> Routes { Routes::new().group(Group::new("/").post("/", count)) }
/// # nova::testing::run(async {
/// # let app = nova::testing::app(routes);
/// # let headers = [("content-type", "multipart/form-data; boundary=b")];
/// # let form = "--b\r\ncontent-disposition: form-data; name=file; filename=a\r\n\r\n12345\r\n--b--\r\n";
/// # let response = app.request(nova::http::Method::POST, "/", &headers, form).await;
/// # assert_eq!(response.text(), "5");
/// # });
/// ```
///
/// What it refuses is as with [`Multipart`]. What a client sends faster than it is taken waits at the client.
#[derive(Debug)]
pub struct MultipartStream {
    form: multer::Multipart<'static>,
    /// The field that was given last, as far as it was not read.
    current: Option<multer::Field<'static>>,
    pace: Arc<Pace>,
    options: UploadOptions,
    fields: usize,
}

/// A field of a [`MultipartStream`]. What is not read of it is read past.
#[derive(Debug)]
pub struct MultipartField<'a> {
    stream: &'a mut MultipartStream,
    name: String,
    file_name: Option<String>,
    content_type: Option<String>,
    is_file: bool,
}

impl<S: Send + Sync> FromRequest<S> for MultipartStream {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if content_type(request.headers()).is_none_or(|essence| essence != MEDIA_TYPE) {
            let detail = format!("expected a body with the content type `{MEDIA_TYPE}`");
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).with_detail(detail));
        }
        let (parts, body) = request.into_parts();
        let boundary = parts.headers.get(header::CONTENT_TYPE);
        let boundary = boundary.and_then(|value| multer::parse_boundary(value.to_str().ok()?).ok());
        let boundary = boundary.filter(|boundary| (1..=MAX_BOUNDARY).contains(&boundary.len()));
        let Some(boundary) = boundary else {
            return Err(malformed("the content type names no boundary"));
        };
        let options = scope::values(&parts).map(|values| values.uploads.clone());
        let pace = Arc::new(Pace::default());
        let body = Paced::new(body, Arc::clone(&pace));
        Ok(Self {
            form: multer::Multipart::new(body, boundary),
            current: None,
            pace,
            options: options.unwrap_or_default(),
            fields: 0,
        })
    }
}

impl MultipartStream {
    /// The next field, or `None` at the end. What was not read of the one before is read past.
    ///
    /// # Errors
    /// What the client is to be told: see [`Multipart`]. It is not cancel safe.
    pub async fn next(&mut self) -> Result<Option<MultipartField<'_>>, Problem> {
        while self.piece().await?.is_some() {}
        self.pace.went_on();
        let Some(field) = self.form.next_field().await.map_err(|error| refusal(&error))? else {
            return Ok(None);
        };
        self.pace.went_on();
        let Some(name) = field.name().map(str::to_owned) else {
            return Err(malformed("a field has no name"));
        };
        self.fields += 1;
        if self.fields > self.options.max_fields {
            let detail = format!("the form has more than {} fields", self.options.max_fields);
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE).with_detail(detail));
        }
        let content_type = field.headers().get(header::CONTENT_TYPE);
        Ok(Some(MultipartField {
            name,
            file_name: field.file_name().and_then(upload::base_name),
            content_type: content_type.and_then(|value| value.to_str().ok()).map(str::to_owned),
            is_file: field.file_name().is_some(),
            stream: {
                self.current = Some(field);
                self
            },
        }))
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, Problem> {
        let Some(field) = &mut self.current else {
            return Ok(None);
        };
        let piece = field.chunk().await;
        self.pace.went_on();
        if !matches!(piece, Ok(Some(_))) {
            self.current = None;
        }
        piece.map_err(|error| refusal(&error))
    }
}

impl MultipartField<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a file: whether it has the name of one, even an empty one.
    pub fn is_file(&self) -> bool {
        self.is_file
    }

    /// The file's name, as with [`Upload::file_name`].
    pub fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }

    /// The media type that the client gives it, which may be wrong.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// The next piece of it, as it has come, or `None` at its end. No limit but that of the body holds.
    ///
    /// # Errors
    /// What the client is to be told.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Problem> {
        self.stream.piece().await
    }

    /// The whole of it as text, of `uploads.max_field_size` (64 KiB) at most.
    ///
    /// # Errors
    /// What the client is to be told: that it is longer, or no UTF-8.
    pub async fn text(mut self) -> Result<String, Problem> {
        let limit = self.stream.options.max_field_size;
        let mut text = Vec::new();
        while let Some(piece) = self.piece().await? {
            if text.len() + piece.len() > limit {
                return Err(self.too_long(limit as u64));
            }
            text.extend_from_slice(&piece);
        }
        String::from_utf8(text).map_err(|_| {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
                .with_detail("the form does not have the expected fields")
                .parameter(shortened(self.name), "expected text in UTF-8".to_owned())
        })
    }

    /// The whole of it as a file, of `uploads.max_file_size` at most: in memory, or in a temporary file where it is larger than
    /// `uploads.memory` (64 KiB).
    ///
    /// # Errors
    /// What the client is to be told: that it is too long. A [`nova::Error`](crate::Error) when it can't be written. Both are
    /// told to the client, or to the fallback, by `?` in a controller that returns a [`nova::Result`](crate::Result).
    pub async fn upload(mut self) -> NovaResult<Upload> {
        let UploadOptions {
            max_file_size,
            memory,
            dir,
            ..
        } = self.stream.options.clone();
        let limit = max_file_size.unwrap_or(u64::MAX);
        let mut writing = upload::Writing::new(memory, dir);
        while let Some(piece) = self.piece().await? {
            if writing.size() + piece.len() as u64 > limit {
                return Err(self.too_long(limit).into());
            }
            writing.write(piece).await?;
        }
        Ok(writing.end(self.file_name, self.content_type).await?)
    }

    fn too_long(&self, limit: u64) -> Problem {
        let told = format!("longer than the {limit} bytes that are accepted here");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE)
            .with_detail("a field is too long")
            .parameter(shortened(self.name.clone()), told)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Multipart<T> {
    type Rejection = crate::Error;

    async fn from_request(request: Request, state: &S) -> NovaResult<Self> {
        let stream = MultipartStream::from_request(request, state).await?;
        let (pairs, files) = gather(stream, values::names::<T>()).await?;
        let what = "the form does not have the expected fields";
        let read = upload::lending(files, || values::read(pairs));
        let value = read.map_err(|fault| fault.problem(StatusCode::UNPROCESSABLE_ENTITY, what))?;
        Ok(Self(value))
    }
}

/// All fields of these names, or all.
async fn gather(
    mut stream: MultipartStream,
    names: Option<&[&str]>,
) -> NovaResult<(Pairs<'static>, Vec<Option<Upload>>)> {
    let mut pairs = Pairs::new();
    let mut files = Vec::new();
    while let Some(field) = stream.next().await? {
        let name = Cow::Owned(field.name().to_owned());
        let value = if names.is_some_and(|names| !names.contains(&field.name())) {
            Value::Text(Cow::Borrowed(""))
        } else if field.is_file() {
            let upload = field.upload().await?;
            if upload.is_nothing() {
                continue;
            }
            files.push(Some(upload));
            Value::File(files.len() as u64 - 1)
        } else {
            Value::Text(Cow::Owned(field.text().await?))
        };
        pairs.push((name, value));
    }
    Ok((pairs, files))
}

fn malformed(detail: impl Into<Cow<'static, str>>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST).with_detail(detail)
}

/// What is wrong with a form that can't be read.
fn refusal(error: &multer::Error) -> Problem {
    if is_caused_by::<LengthLimitError>(error) {
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE).with_detail("the body is longer than is accepted here");
    }
    if is_caused_by::<TooLong>(error) {
        return malformed("what is before a field is too long");
    }
    match error {
        multer::Error::StreamReadFailed(_)
        | multer::Error::IncompleteStream
        | multer::Error::IncompleteHeaders
        | multer::Error::IncompleteFieldData { .. } => malformed("the form did not arrive whole"),
        _ => malformed("the body is no multipart form"),
    }
}

fn is_caused_by<E: std::error::Error + 'static>(error: &multer::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<E>() {
            return true;
        }
        cause = error.source();
    }
    false
}
