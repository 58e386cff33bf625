//! The client's half of the opening handshake (RFC 6455 §4.1).

use std::net::{Ipv4Addr, SocketAddr};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tower::ServiceExt as _;

use super::application::Running;
use super::pipe::pipe;
use super::{Link, Rng, TestResponse, WebSocket};
use crate::security::Assumed;
use crate::transport::{Connection, Stream, Transport};
use crate::wire::Codec;

/// Where the client of a test is.
pub(super) const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 49_152);

/// A WebSocket that is about to be opened: see [`TestApp::websocket`](super::TestApp::websocket).
///
/// It is opened by awaiting it, which fails the test where the application refuses, or by [`open`](Self::open), which
/// gives the response in either case.
#[must_use = "it is opened when it is awaited"]
#[derive(Debug)]
pub struct Handshake {
    app: Arc<Running>,
    path: String,
    headers: HeaderMap,
    link: Link,
    pipelined: Vec<u8>,
    assumed: Option<Assumed>,
    place: &'static Location<'static>,
}

impl Handshake {
    #[track_caller]
    pub(super) fn new(app: Arc<Running>, path: &str) -> Self {
        Self {
            app,
            path: path.to_owned(),
            headers: HeaderMap::new(),
            link: Link::new(),
            pipelined: Vec::new(),
            assumed: None,
            place: Location::caller(),
        }
    }

    /// Has security functions answer so.
    pub(super) fn assuming(mut self, assumed: Option<Assumed>) -> Self {
        self.assumed = assumed;
        self
    }

    /// Sets a header, in place of that which the handshake would have by itself.
    ///
    /// # Panics
    /// When the name or the value can't be one.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("the name of a header");
        let value = HeaderValue::try_from(value).expect("the value of a header");
        self.headers.insert(name, value);
        self
    }

    /// Comes from a page of this origin, as a browser says it: `https://example.com`. Without one it is no browser.
    ///
    /// # Panics
    /// When it can't be a header's value.
    pub fn origin(self, origin: &str) -> Self {
        self.header("origin", origin)
    }

    /// Offers sub-protocols, the preferred one first (RFC 6455 §1.9).
    ///
    /// # Panics
    /// When one can't be in a header's value.
    pub fn protocols<'a>(self, protocols: impl IntoIterator<Item = &'a str>) -> Self {
        let protocols: Vec<_> = protocols.into_iter().collect();
        self.header("sec-websocket-protocol", &protocols.join(", "))
    }

    /// Offers extensions, as `permessage-deflate` (RFC 6455 §9.1). Where that one is agreed on, the client compresses
    /// what it sends, and inflates what it receives.
    ///
    /// # Panics
    /// When it can't be a header's value.
    pub fn extensions(self, offer: &str) -> Self {
        self.header("sec-websocket-extensions", offer)
    }

    /// How the bytes travel, when the connection is open.
    pub fn link(mut self, link: Link) -> Self {
        self.link = link;
        self
    }

    /// Sends these bytes with the handshake, before it was answered: see [`masked`](super::masked).
    pub fn pipelined(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.pipelined.extend(bytes.as_ref());
        self
    }

    /// Opens it. Gives the connection with the response that accepted it.
    ///
    /// # Errors
    /// The response that refused.
    ///
    /// # Panics
    /// When the path can't be one, the body of a refusal fails, or the response that accepts breaks the protocol.
    pub async fn open(mut self) -> Result<(WebSocket, TestResponse), TestResponse> {
        let mut rng = Rng::new(self.link.seed);
        let key = BASE64_STANDARD.encode(rng.bytes(16));
        let connection = Connection::default();
        let request = self.request(&key, &connection);
        let Ok(response) = self.app.service.clone().oneshot(request).await;
        let successor = connection.take_successor();
        let (101, Some(successor)) = (response.status().as_u16(), successor) else {
            return Err(TestResponse::read(response).await);
        };
        if let Err(fault) = self.check(&response, &key) {
            panic!("{}: the server broke the protocol: {fault}", self.place);
        }
        let codec = codec(response.headers());
        let (client, server) = pipe(self.link);
        let transport = Transport::new(Stream::Boxed(Box::new(server)), None, self.app.lifecycle.alive());
        let connection = successor(transport, Bytes::from(self.pipelined));
        // It lives longer than the request.
        let answer = TestResponse::head(&response);
        drop(response);
        self.app.serve(connection);
        Ok((WebSocket::new(client, rng, codec, self.app), answer))
    }

    fn request(&mut self, key: &str, connection: &Connection) -> Request {
        let mut request = Request::builder()
            .uri(&self.path)
            .header(header::HOST, "localhost")
            .header(header::CONNECTION, "upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, key)
            .extension(ConnectInfo(PEER))
            .extension(connection.clone())
            .body(Body::empty())
            .expect("a request");
        if let Some(assumed) = self.assumed.take() {
            request.extensions_mut().insert(assumed);
        }
        for (name, value) in &self.headers {
            request.headers_mut().insert(name, value.clone());
        }
        request
    }

    /// What RFC 6455 §4.1 has the client check.
    fn check(&self, response: &Response, key: &str) -> Result<(), String> {
        let sent = |name: HeaderName| match self.headers.get(name) {
            Some(value) => value.to_str().unwrap_or_default(),
            None => "",
        };
        let said = |name: HeaderName| {
            let values = response.headers().get_all(name).iter();
            let values: Vec<_> = values.map(|value| value.to_str().unwrap_or_default()).collect();
            values.join(", ")
        };
        let upgrade = (
            said(header::UPGRADE).to_ascii_lowercase(),
            said(header::CONNECTION).to_ascii_lowercase(),
        );
        if upgrade != ("websocket".to_owned(), "upgrade".to_owned()) {
            return Err(format!("an upgrade to {upgrade:?}"));
        }
        // The test may have sent a key of its own.
        let own = sent(header::SEC_WEBSOCKET_KEY);
        let mut sha1 = sha1_smol::Sha1::new();
        sha1.update(if own.is_empty() { key } else { own }.as_bytes());
        sha1.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        if said(header::SEC_WEBSOCKET_ACCEPT) != BASE64_STANDARD.encode(sha1.digest().bytes()) {
            return Err("`sec-websocket-accept` is not that of the key".to_owned());
        }
        let offered = |list: &str, one: &str| list.split([',', ';']).any(|offered| offered.trim() == one);
        let protocol = said(header::SEC_WEBSOCKET_PROTOCOL);
        if !protocol.is_empty() && !offered(sent(header::SEC_WEBSOCKET_PROTOCOL), &protocol) {
            return Err(format!("the sub-protocol `{protocol}`, which was not offered"));
        }
        let extension = said(header::SEC_WEBSOCKET_EXTENSIONS);
        let name = extension.split(';').next().unwrap_or_default().trim();
        if !name.is_empty() && !offered(sent(header::SEC_WEBSOCKET_EXTENSIONS), name) {
            return Err(format!("the extension `{name}`, which was not offered"));
        }
        Ok(())
    }
}

/// What was agreed on, seen from the client: what the server calls the client's is its own.
#[cfg(feature = "deflate")]
fn codec(response: &HeaderMap) -> Option<Codec> {
    let agreed = response.get(header::SEC_WEBSOCKET_EXTENSIONS)?.to_str().ok()?;
    // A window that the compressor does not have: what it sends could not be read, unless it refers to nothing.
    let has_window = !agreed.contains("client_max_window_bits");
    Some(Codec::new(&crate::wire::Terms {
        level: 1,
        min_size: if has_window { 0 } else { usize::MAX },
        server_takeover: !agreed.contains("client_no_context_takeover"),
        client_takeover: !agreed.contains("server_no_context_takeover"),
        client_window_bits: 15,
    }))
}

#[cfg(not(feature = "deflate"))]
fn codec(_response: &HeaderMap) -> Option<Codec> {
    None
}

/// Opens it.
///
/// # Panics
/// As [`Handshake::open`], and when the application refuses.
impl IntoFuture for Handshake {
    type Output = WebSocket;
    type IntoFuture = Pin<Box<dyn Future<Output = WebSocket> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (place, path) = (self.place, self.path.clone());
            match self.open().await {
                Ok((websocket, _)) => websocket,
                Err(refusal) => panic!("{place}: {path} was refused: {refusal}"),
            }
        })
    }
}
