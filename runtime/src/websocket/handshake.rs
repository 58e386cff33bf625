//! The opening handshake (RFC 6455 §4.2, and RFC 8441 §5 over HTTP/2): from a request to a connection, or to a response
//! that refuses.

use std::any::Any;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::response::{Html, IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, header};
use serde::{Deserialize, Deserializer, de};

use super::connection::{Connection, Ended, Limits};
use super::init::{Compress, Terms};
use super::mailbox::Bounds;
use super::route::Route;
use super::{Compression, Init, IntoAccept, Socket, WebSocketHandler, deflate, queue};
use crate::error::Error;
use crate::lifecycle::Lifecycle;
use crate::negotiate::{Form, form};
use crate::origin::is_allowed;
use crate::pubsub::PubSub;
use crate::reply::{Refusal, Reply};
use crate::transport;
use crate::wheel::Wheel;
use crate::wire;

/// What RFC 6455 §1.3 has the server append to the key.
const ACCEPT_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const VERSION: HeaderValue = HeaderValue::from_static("13");

/// The section `[websocket]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WebSocketOptions {
    /// Origins besides the server's own whose pages may connect, as `https://app.example.com`; `*` is any.
    allowed_origins: Vec<String>,
    /// In seconds.
    idle_timeout: u64,
    /// In seconds; 0 is never.
    ping_interval: u64,
    /// In bytes.
    max_message_size: usize,
    /// How many frames one message may come in.
    max_fragments: NonZeroUsize,
    /// How long the peer may take to read what is written, in seconds.
    write_timeout: u64,
    /// How many bytes of broadcasts may wait for one connection, where a handler does not say.
    max_queue_size: usize,
    /// How much the kernel may hold for one connection in each direction, in bytes; 0 leaves that to the kernel.
    send_buffer: usize,
    receive_buffer: usize,
    /// Whether messages are compressed, where a handler does not say.
    #[serde(deserialize_with = "if_built_in")]
    compress: bool,
}

impl Default for WebSocketOptions {
    fn default() -> Self {
        Self {
            allowed_origins: Vec::new(),
            idle_timeout: 60,
            ping_interval: 0,
            max_message_size: 1_000_000,
            max_fragments: const { NonZeroUsize::new(1024).unwrap() },
            write_timeout: 30,
            max_queue_size: queue::MAX_BYTES,
            send_buffer: 64 * 1024,
            receive_buffer: 256 * 1024,
            compress: false,
        }
    }
}

/// What every WebSocket route of an application shares.
pub(crate) struct Settings {
    pub(crate) options: WebSocketOptions,
    pub(crate) pubsub: PubSub,
    pub(crate) wheel: Wheel,
    pub(crate) lifecycle: Lifecycle,
    /// The application's own, for connections that come from another process.
    pub(crate) state: Arc<dyn Any + Send + Sync>,
    /// The page for a person who opens the route's URL: in `dev` only.
    pub(crate) console: Option<fn(&Uri) -> String>,
}

/// How a client may ask for a WebSocket.
enum Opening {
    /// By an upgrade, with a key that the answer proves to have seen.
    Upgrade(HeaderValue),
    /// By an extended CONNECT: its stream goes on as the WebSocket.
    #[cfg(feature = "http2")]
    Connect,
}

/// Answers a request on a WebSocket route. Where it accepts, the connection goes on as the handler's.
pub(crate) async fn upgrade<F, T, S, H, M, How>(
    init: &F,
    mut parts: Parts,
    state: &S,
    settings: &Settings,
    route: Arc<Route>,
) -> Response
where
    F: Init<T, S, M>,
    F::Output: IntoAccept<H, M, How>,
    H: WebSocketHandler<M>,
    M: Send + 'static,
{
    let opening = match check(&parts, settings) {
        Ok(opening) => opening,
        Err(refusal) => return refusal,
    };
    let Some(connection) = parts.extensions.get::<transport::Connection>().cloned() else {
        return Error::new("a WebSocket needs a connection, and this request came without one").into_response();
    };
    if !settings.lifecycle.stays().await {
        // Its place is in the process that the others have moved to, which the next connection reaches.
        let reply = Reply::status(StatusCode::SERVICE_UNAVAILABLE).with_header("retry-after", "0");
        return reply.into_response();
    }
    let watched = route.watch.as_ref().map(|watch| watch.begin(peer(&parts)));
    let socket = Ended(Socket::<M>::new(&settings.pubsub, &settings.wheel, watched));
    let accepted = match init.call(&mut parts, state, &socket.0).await {
        Ok(output) => output.into_accept(),
        Err(rejection) => Err(rejection),
    };
    let accepted = match accepted {
        Ok(accepted) => accepted,
        Err(refusal) => return Refusal::mark(StatusCode::BAD_REQUEST, refusal),
    };
    let mut response = accept(&opening, &accepted.terms, &parts.headers);
    let codec = wanted_compression(&accepted.terms, &settings.options)
        .and_then(|wanted| deflate::agree(&wanted, &parts.headers))
        .map(|(codec, answer)| {
            response.headers_mut().insert(header::SEC_WEBSOCKET_EXTENSIONS, answer);
            codec
        });
    let limits = limits(&accepted.terms, &settings.options);
    let mailbox = Arc::clone(socket.0.mailbox());
    mailbox.keep_to(bounds(&accepted.terms, &settings.options));
    let websocket = Connection::new(accepted.handler, socket, limits, codec, route);
    let buffers = [settings.options.send_buffer, settings.options.receive_buffer];
    connection.hand_over_to(Box::new(move |transport, read_ahead| {
        // The kernel would give a peer that does not read megabytes. One whose buffers it does not let us choose is served.
        let _ = transport.bound_buffers(buffers.map(NonZeroUsize::new));
        mailbox.begin();
        if let Some(watched) = mailbox.watched() {
            watched.open(transport.peer());
        }
        Box::pin(websocket.run(transport, read_ahead))
    }));
    response
}

fn peer(parts: &Parts) -> Option<SocketAddr> {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0)
}

/// Checks the request, and says how it asks.
#[expect(
    clippy::result_large_err,
    reason = "a response, which axum returns by value everywhere"
)]
fn check(parts: &Parts, settings: &Settings) -> Result<Opening, Response> {
    #[cfg(feature = "http2")]
    if parts.version == Version::HTTP_2 || parts.method == Method::CONNECT {
        return connect::check(parts, settings);
    }
    let headers = &parts.headers;
    if parts.method != Method::GET || !has_token(headers, header::UPGRADE, "websocket") {
        return Err(upgrade_required(parts, settings));
    }
    if parts.version == Version::HTTP_10 {
        return Err(refuse(StatusCode::BAD_REQUEST, "a WebSocket begins with HTTP/1.1"));
    }
    if !has_token(headers, header::CONNECTION, "upgrade") {
        return Err(refuse(
            StatusCode::BAD_REQUEST,
            "the header `connection` must say `upgrade`",
        ));
    }
    if !is_version(headers) {
        let reply = Reply::status(StatusCode::UPGRADE_REQUIRED).with_body("this server speaks WebSocket version 13\n");
        return Err(with_upgrade_headers(reply));
    }
    if only(headers, header::HOST).is_none() {
        return Err(refuse(StatusCode::BAD_REQUEST, "there must be one header `host`"));
    }
    if has_body(headers) {
        return Err(refuse(
            StatusCode::BAD_REQUEST,
            "a WebSocket's request has no body: what follows it is taken for frames",
        ));
    }
    let Some(key) = only(headers, header::SEC_WEBSOCKET_KEY).filter(|key| is_key(key)) else {
        return Err(refuse(
            StatusCode::BAD_REQUEST,
            "the header `sec-websocket-key` must be 16 bytes of base64",
        ));
    };
    if !is_allowed_origin(headers, &parts.uri, &settings.options.allowed_origins) {
        return Err(Reply::status(StatusCode::FORBIDDEN).into_response());
    }
    Ok(Opening::Upgrade(key.clone()))
}

/// 426: to a person who opened the URL in `dev`, with a page to try the socket on.
fn upgrade_required(parts: &Parts, settings: &Settings) -> Response {
    if let Some(console) = settings.console
        && form(&parts.headers) == Form::Html
    {
        let page = Html(console(&parts.uri));
        let headers = [
            (header::UPGRADE, "websocket"),
            (header::CONNECTION, "upgrade"),
            (header::CONTENT_SECURITY_POLICY, CONSOLE_POLICY),
        ];
        return (StatusCode::UPGRADE_REQUIRED, headers, page).into_response();
    }
    with_upgrade_headers(Reply::status(StatusCode::UPGRADE_REQUIRED))
}

/// What a console may load. Its script is in the page: a policy that middleware adds for the application's own pages would
/// block it.
const CONSOLE_POLICY: &str = "default-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:; img-src data:";

fn with_upgrade_headers(reply: Reply) -> Response {
    let reply = reply
        .with_header("connection", "upgrade")
        .with_header("upgrade", "websocket");
    let mut response = reply.into_response();
    response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, VERSION);
    response
}

fn refuse(status: StatusCode, why: &'static str) -> Response {
    let reply = Reply::status(status).with_body(format!("{why}\n"));
    reply.with_header(header::SEC_WEBSOCKET_VERSION, "13").into_response()
}

/// Whether a header that lists tokens has this one, in any case.
fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|part| part.eq_ignore_ascii_case(token))
}

fn tokens(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let values = headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// A header that must come once (RFC 6455 §11.3).
fn only(headers: &HeaderMap, name: header::HeaderName) -> Option<&HeaderValue> {
    let mut values = headers.get_all(name).into_iter();
    values.next().filter(|_| values.next().is_none())
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0")
}

/// Versions 7 and 8 are drafts with the same frames.
fn is_version(headers: &HeaderMap) -> bool {
    let version = only(headers, header::SEC_WEBSOCKET_VERSION).and_then(|version| version.to_str().ok());
    matches!(version, Some("13" | "8" | "7"))
}

fn is_key(key: &HeaderValue) -> bool {
    BASE64_STANDARD.decode(key).is_ok_and(|key| key.len() == 16)
}

/// A page of another site may not connect with the cookies of ours. A client that is no browser sends no origin.
fn is_allowed_origin(headers: &HeaderMap, uri: &Uri, allowed: &[String]) -> bool {
    // The drafts that versions 7 and 8 are gave the header another name.
    let mut origins = headers
        .get_all(header::ORIGIN)
        .into_iter()
        .chain(headers.get_all("sec-websocket-origin"));
    origins.all(|origin| is_allowed(origin, headers, uri, allowed))
}

fn accept(opening: &Opening, terms: &Terms, request: &HeaderMap) -> Response {
    let mut response = StatusCode::OK.into_response();
    response.headers_mut().extend(terms.headers.clone());
    match opening {
        Opening::Upgrade(key) => switch_protocols(&mut response, key),
        #[cfg(feature = "http2")]
        Opening::Connect => {}
    }
    let headers = response.headers_mut();
    if let Some(protocol) = &terms.protocol {
        match HeaderValue::try_from(protocol) {
            // Names of sub-protocols are told apart by case.
            Ok(value) if tokens(request, header::SEC_WEBSOCKET_PROTOCOL).any(|offered| offered == protocol) => {
                headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
            }
            _ => tracing::warn!("the sub-protocol `{protocol}` was not offered, and is not chosen"),
        }
    }
    response
}

fn switch_protocols(response: &mut Response, key: &HeaderValue) {
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    // Base64 is always a header value.
    if let Ok(accept) = HeaderValue::try_from(accept_key(key.as_bytes())) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
}

fn accept_key(key: &[u8]) -> String {
    let mut sha1 = sha1_smol::Sha1::new();
    sha1.update(key);
    sha1.update(ACCEPT_SUFFIX.as_bytes());
    BASE64_STANDARD.encode(sha1.digest().bytes())
}

fn limits(terms: &Terms, options: &WebSocketOptions) -> Limits {
    Limits {
        write_timeout: Duration::from_secs(options.write_timeout),
        wire: wire::Limits {
            message_size: terms.max_message_size.unwrap_or(options.max_message_size),
            fragments: options.max_fragments.get(),
        },
    }
}

fn bounds(terms: &Terms, options: &WebSocketOptions) -> Bounds {
    Bounds {
        idle_timeout: terms.idle_timeout.unwrap_or(Duration::from_secs(options.idle_timeout)),
        ping_interval: Some(
            terms
                .ping_interval
                .unwrap_or(Duration::from_secs(options.ping_interval)),
        )
        .filter(|interval| !interval.is_zero()),
        max_queue_size: terms.max_queue_size.unwrap_or(options.max_queue_size),
        overflow: terms.overflow,
    }
}

fn wanted_compression(terms: &Terms, options: &WebSocketOptions) -> Option<Compression> {
    match terms.compress {
        Compress::AsConfigured => options.compress.then(Compression::default),
        Compress::Never => None,
        Compress::Like(compression) => Some(compression),
    }
}

/// What this program is not built with can't be configured.
fn if_built_in<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    let compress = bool::deserialize(value)?;
    if compress && !cfg!(feature = "deflate") {
        return Err(de::Error::custom(
            "this program is built without compression: enable the feature `deflate` of nova-framework",
        ));
    }
    Ok(compress)
}

#[cfg(feature = "http2")]
mod connect;
#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::environment::Environment;

    #[test]
    fn the_accept_key_is_that_of_rfc_6455_section_1_3() {
        assert_eq!(accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_key_is_16_bytes_of_base64() {
        assert!(is_key(&HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==")));
        for key in ["", "short", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZTEyMzQ="] {
            assert!(!is_key(&HeaderValue::from_static(key)), "{key}");
        }
    }

    #[test]
    fn compression_is_configured_only_where_it_is_built_in() {
        let variables = [("NOVA_WEBSOCKET_COMPRESS".to_owned(), "true".to_owned())];
        let config = Config::read("/nowhere", Environment::TEST, variables).unwrap();
        let options = config.section::<WebSocketOptions>("websocket");
        if cfg!(feature = "deflate") {
            assert!(options.unwrap().compress);
        } else {
            assert_eq!(
                options.unwrap_err().to_string(),
                "NOVA_WEBSOCKET_COMPRESS: websocket.compress: this program is built without compression: enable the \
                 feature `deflate` of nova-framework"
            );
        }
    }

    #[test]
    fn the_origin_is_our_own_or_an_allowed_one() {
        let check = |origin: Option<&str>, allowed: &[&str]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("a.example:8080"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            let allowed: Vec<_> = allowed.iter().map(ToString::to_string).collect();
            is_allowed_origin(&headers, &Uri::from_static("/"), &allowed)
        };
        assert!(check(None, &[]));
        assert!(check(Some("http://a.example:8080"), &[]));
        assert!(check(Some("https://A.example:8080"), &[]));
        assert!(!check(Some("http://a.example"), &[]));
        assert!(!check(Some("https://evil.example"), &[]));
        assert!(!check(Some("null"), &[]));
        assert!(!check(Some("https://a.example:8080.evil.example"), &[]));
        assert!(check(Some("https://b.example"), &["https://b.example"]));
        assert!(check(Some("https://b.example"), &["*"]));
    }
}
