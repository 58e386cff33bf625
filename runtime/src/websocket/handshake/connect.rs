//! The opening handshake over HTTP/2: an extended CONNECT for the protocol `websocket` (RFC 8441 §5).
//!
//! There is no key and nothing to switch: the stream itself is what goes on. All else is as in HTTP/1.

use axum::response::{Html, IntoResponse as _, Response};
use http::request::Parts;
use http::{Method, StatusCode, Version, header};
use hyper::ext::Protocol;

use super::{Opening, Settings, is_allowed_origin, is_version, only, refuse};
use crate::negotiate::{Form, form};
use crate::reply::Reply;

/// Checks a request that is not of HTTP/1, or is a CONNECT.
#[expect(
    clippy::result_large_err,
    reason = "a response, which axum returns by value everywhere"
)]
pub(super) fn check(parts: &Parts, settings: &Settings) -> Result<Opening, Response> {
    if parts.version != Version::HTTP_2 {
        let reply = Reply::status(StatusCode::METHOD_NOT_ALLOWED).with_header("allow", "GET, HEAD, OPTIONS");
        return Err(reply.into_response());
    }
    let Some(protocol) = parts
        .extensions
        .get::<Protocol>()
        .filter(|_| parts.method == Method::CONNECT)
    else {
        return Err(connect_required(parts, settings));
    };
    if !protocol.as_str().eq_ignore_ascii_case("websocket") {
        // RFC 9220 §3 has this status for a protocol that is not known.
        return Err(refuse(
            StatusCode::NOT_IMPLEMENTED,
            "the one `:protocol` here is `websocket`",
        ));
    }
    if !is_version(&parts.headers) {
        return Err(refuse(
            StatusCode::BAD_REQUEST,
            "this server speaks WebSocket version 13",
        ));
    }
    if only(&parts.headers, header::HOST).is_none() {
        return Err(refuse(StatusCode::BAD_REQUEST, "there must be one `:authority`"));
    }
    if !is_allowed_origin(&parts.headers, &parts.uri, &settings.options.allowed_origins) {
        return Err(Reply::status(StatusCode::FORBIDDEN).into_response());
    }
    Ok(Opening::Connect)
}

/// 400, where HTTP/1 has 426: that must carry the header `upgrade` (RFC 9110 §15.5.22), which HTTP/2 forbids (RFC 9113
/// §8.2.2).
fn connect_required(parts: &Parts, settings: &Settings) -> Response {
    if let Some(console) = settings.console
        && form(&parts.headers) == Form::Html
    {
        return (StatusCode::BAD_REQUEST, Html(console(&parts.uri))).into_response();
    }
    refuse(
        StatusCode::BAD_REQUEST,
        "over HTTP/2 a WebSocket begins with an extended CONNECT (RFC 8441)",
    )
}
