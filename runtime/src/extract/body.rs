//! A request's body, read whole.

use axum::RequestExt as _;
use axum::extract::Request;
use axum::extract::rejection::BytesRejection;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use crate::problem::Problem;

/// What a body has to be: the media type's name for the client that sent another, and how it is recognised.
pub(super) struct MediaType {
    pub(super) name: &'static str,
    pub(super) is: fn(&str) -> bool,
}

/// The body, when the request says that it is of this type.
pub(super) async fn read(request: Request, media_type: &MediaType) -> Result<Bytes, Problem> {
    if !content_type(request.headers()).is_some_and(|essence| (media_type.is)(&essence)) {
        let detail = format!("expected a body with the content type `{}`", media_type.name);
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).with_detail(detail));
    }
    bytes(request).await
}

async fn bytes(request: Request) -> Result<Bytes, Problem> {
    request
        .extract()
        .await
        .map_err(|rejection: BytesRejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE).with_detail("the body is longer than is accepted here")
            }
            _ => Problem::new(StatusCode::BAD_REQUEST).with_detail("the body did not arrive whole"),
        })
}

/// The media type without its parameters, in lower case (RFC 9110 §8.3.1).
pub(super) fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next()?.trim();
    Some(essence.to_ascii_lowercase())
}
