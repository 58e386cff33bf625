//! The token in a form's body.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest as _, Request};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};

use super::{FIELD, HEADER};

/// How far into a form with files its token is looked for: it is a field before the files.
const SEARCHED: usize = 64 * 1024;
/// How much more of it has to have come before it is looked for again.
const LOOKED_AT: usize = 1024;

/// Whether this is what a form can send: then a page of any site can, without asking first (CORS preflight).
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    media_type(value).is_none_or(|media_type| {
        let forms = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];
        forms.iter().any(|form| media_type.eq_ignore_ascii_case(form))
    })
}

/// A media type without its parameters.
fn media_type(value: &HeaderValue) -> Option<&str> {
    let media_type = value.to_str().ok()?.split(';').next()?.trim();
    media_type.contains('/').then_some(media_type)
}

/// The token that a request has, and the request, with the body that was read to find it.
pub(super) async fn token_of(request: Request) -> Result<(Option<String>, Request), Response> {
    if let Some(token) = request.headers().get(HEADER) {
        return Ok((token.to_str().ok().map(str::to_owned), request));
    }
    let media_type = request.headers().get(header::CONTENT_TYPE).and_then(media_type);
    let is = |form| media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case(form));
    if is("multipart/form-data") {
        let (parts, body) = request.into_parts();
        let (token, body) = beginning(body).await;
        return Ok((token, Request::from_parts(parts, body)));
    }
    if !is("application/x-www-form-urlencoded") {
        return Ok((None, request));
    }
    let (parts, body) = request.into_parts();
    // No more than the route's limit, which is around the body.
    let body = Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await;
    let body = body.map_err(IntoResponse::into_response)?;
    let token = field(&body);
    Ok((token, Request::from_parts(parts, body.into())))
}

/// The token in an URL-encoded form.
pub(super) fn field(form: &[u8]) -> Option<String> {
    // Of what is in a token nothing is encoded, by no browser.
    let pairs = form.split(|byte| *byte == b'&');
    let mut values = pairs.filter_map(|pair| pair.strip_prefix(FIELD.as_bytes())?.strip_prefix(b"="));
    let value = values.next()?;
    String::from_utf8(value.to_vec()).ok()
}

/// Reads a form with files up to its token, and no further than it is looked for.
async fn beginning(mut body: Body) -> (Option<String>, Body) {
    let mut read = BytesMut::new();
    let mut error = None;
    let mut looked_at = 0;
    let mut is_whole = false;
    let token = loop {
        // Not for each byte that comes by itself.
        if is_whole || read.len() >= looked_at + LOOKED_AT {
            looked_at = read.len();
            let token = part(&read);
            if is_whole || token.is_some() || read.len() >= SEARCHED {
                break token;
            }
        }
        match body.frame().await {
            Some(Ok(frame)) => read.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
            None => is_whole = true,
            // Whoever reads the form is told.
            Some(Err(failed)) => {
                error = Some(failed);
                break None;
            }
        }
    };
    let first = (!read.is_empty()).then(|| read.freeze());
    (
        token,
        Body::new(Resumed {
            first,
            error,
            rest: body,
        }),
    )
}

/// The token in as much of a form with files as is here (RFC 7578 §4). It is looked for without regard to where parts begin
/// and end: who knows a token may also have it in the middle of a file.
pub(super) fn part(form: &[u8]) -> Option<String> {
    let name = format!("name=\"{FIELD}\"");
    let begin = position(form, name.as_bytes())? + name.len();
    let value = begin + position(&form[begin..], b"\r\n\r\n")? + 4;
    let end = value + position(&form[value..], b"\r\n--")?;
    String::from_utf8(form[value..end].to_vec()).ok()
}

fn position(bytes: &[u8], searched: &[u8]) -> Option<usize> {
    bytes.windows(searched.len()).position(|window| window == searched)
}

/// A body of which the beginning was read, from there on.
struct Resumed {
    first: Option<Bytes>,
    error: Option<axum::Error>,
    rest: Body,
}

impl HttpBody for Resumed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if let Some(error) = this.error.take() {
            return Poll::Ready(Some(Err(error)));
        }
        Pin::new(&mut this.rest).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.error.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().map_or(0, |first| first.len() as u64);
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(first));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(first)) {
            hint.set_upper(upper);
        }
        hint
    }
}
