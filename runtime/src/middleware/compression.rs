//! Responses compressed as they are sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::Route;
use http::{HeaderValue, Method, header};
use hyper::body::Body as HttpBody;
use tower::{Layer, Service, ServiceExt};
use tower_http::compression::predicate::Predicate;
use tower_http::compression::{CompressionLayer, CompressionLevel};

use crate::negotiate::{Coding, codings};

/// Compresses responses with gzip, or with Brotli where the feature `compression-br` is on and the client takes that.
///
/// Compressed are responses of types that get smaller by it (text, JSON, JavaScript, XML, SVG, WebAssembly) of 1 KiB or more, or
/// of a length that is not known. Left as they are: server-sent events, upgrades to WebSockets, what is encoded already as
/// [precompressed assets](crate::Group::assets) are, parts of files, and everything for clients that do not ask for it. A
/// strong `etag` becomes a weak one, for the bytes are others.
///
/// ```
/// use nova::middleware::Compression;
/// # fn routes() -> nova::Routes { nova::Routes::new() }
///
/// let app = nova::App::new(routes).layer(Compression::new());
/// # let _ = app;
/// ```
///
/// # Secrets in what is compressed
///
/// Over TLS, the length of a compressed page tells a little of what is in it. Where a page has a secret in it and repeats
/// something that a stranger chooses, as a search term, who sees the lengths of many such pages can guess the secret piece by
/// piece (BREACH). The tokens of [`CsrfToken`](crate::CsrfToken) should not be on such a page, or it should not be compressed:
/// the groups that need no compression are those with secrets in them.
#[derive(Clone, Debug)]
#[must_use = "it is a layer"]
pub struct Compression {
    least: u64,
}

impl Compression {
    /// Compression of what has 1 KiB or more.
    pub fn new() -> Self {
        Self { least: 1024 }
    }

    /// Compresses what has so many bytes or more.
    pub fn min_size(mut self, bytes: u64) -> Self {
        self.least = bytes;
        self
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self::new()
    }
}

/// What is worth it.
#[derive(Clone, Copy, Debug)]
struct Worthwhile {
    least: u64,
}

impl Predicate for Worthwhile {
    fn should_compress<B: HttpBody>(&self, response: &http::Response<B>) -> bool {
        // An upgrade has no content, and so no type.
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let is_smaller = content_type
            .and_then(|value| value.to_str().ok())
            .is_some_and(is_compressible);
        let length = response.body().size_hint().exact();
        let is_forbidden = response.headers().get_all(header::CACHE_CONTROL).iter().any(|value| {
            // RFC 9111 §5.2.2.6.
            value
                .to_str()
                .is_ok_and(|value| value.to_ascii_lowercase().contains("no-transform"))
        });
        is_smaller && !is_forbidden && length.is_none_or(|length| length >= self.least)
    }
}

fn is_compressible(content_type: &str) -> bool {
    let kind = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match kind.as_str() {
        "text/event-stream" => false,
        "application/json"
        | "application/javascript"
        | "application/xml"
        | "application/wasm"
        | "application/manifest+json"
        | "image/svg+xml"
        | "application/x-ndjson" => true,
        kind => kind.starts_with("text/") || kind.ends_with("+json") || kind.ends_with("+xml"),
    }
}

impl Layer<Route> for Compression {
    type Service = Compressing;

    fn layer(&self, route: Route) -> Compressing {
        let worthwhile = Worthwhile { least: self.least };
        Compressing {
            // As it is sent, again and again: time counts more than the last byte.
            layer: CompressionLayer::new()
                .quality(CompressionLevel::Fastest)
                .compress_when(worthwhile),
            worthwhile,
            route,
        }
    }
}

/// A route whose responses are compressed.
#[derive(Clone, Debug)]
pub struct Compressing {
    layer: CompressionLayer<Worthwhile>,
    worthwhile: Worthwhile,
    route: Route,
}

/// On a response that came encoded.
#[derive(Clone, Copy)]
struct Encoded;

impl Service<Request> for Compressing {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request>::poll_ready(&mut self.route, context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let is_upgrade = request.method() == Method::CONNECT || request.headers().contains_key(header::UPGRADE);
        let takes_some = codings(request.headers()).iter().any(|coding| match coding {
            Coding::Gzip => true,
            Coding::Brotli => cfg!(feature = "compression-br"),
            Coding::Zstd => false,
        });
        // What this service is not for is not even shown to it: it would answer some of it with 406.
        let is_left = is_upgrade || !takes_some;
        let route = self.route.clone();
        let worthwhile = self.worthwhile;
        if is_left {
            return Box::pin(async move {
                let mut response = match route.oneshot(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                };
                if !is_upgrade
                    && !response.headers().contains_key(header::CONTENT_ENCODING)
                    && worthwhile.should_compress(&response)
                {
                    // Others are sent it in another form.
                    response
                        .headers_mut()
                        .append(header::VARY, HeaderValue::from_static("accept-encoding"));
                }
                Ok(response)
            });
        }
        let compressed = self
            .layer
            .layer(ServiceExt::<Request>::map_response(route, |mut response: Response| {
                if response.headers().contains_key(header::CONTENT_ENCODING) {
                    response.extensions_mut().insert(Encoded);
                }
                response
            }));
        Box::pin(async move {
            let mut response = match compressed.oneshot(request).await {
                Ok(response) => response.map(Body::new),
                Err(never) => match never {},
            };
            let was_encoded = response.extensions_mut().remove::<Encoded>().is_some();
            if !was_encoded && response.headers().contains_key(header::CONTENT_ENCODING) {
                weaken_tag(&mut response);
            }
            Ok(response)
        })
    }
}

/// A strong tag names bytes, and these are others (RFC 9110 §8.8.1).
fn weaken_tag(response: &mut Response) {
    let weak = response.headers().get(header::ETAG).and_then(|tag| {
        let tag = tag.to_str().ok().filter(|tag| !tag.starts_with("W/"))?;
        HeaderValue::try_from(format!("W/{tag}")).ok()
    });
    if let Some(weak) = weak {
        response.headers_mut().insert(header::ETAG, weak);
    }
}
