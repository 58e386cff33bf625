//! An HTTP/2 client whose requests are those of [`http`](crate::http), and whose streams may be WebSockets.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::ext::Protocol;
use h2::{Ping, Reason, RecvStream, SendStream};
use http::{Method, Request};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::http::Response;
use crate::stream::{AsyncStream, Stream, spawn, wait};
use crate::{Server, WebSocket};

/// A connection. Its streams go on when it is dropped.
pub struct Connection {
    requests: SendRequest<Bytes>,
    /// What drives it.
    driver: AbortHandle,
    /// How it ended.
    end: watch::Receiver<Option<Result<(), String>>>,
}

/// A request whose response has not been waited for.
pub struct Pending {
    response: ResponseFuture,
    sending: SendStream<Bytes>,
}

/// One stream of a connection, after its response.
pub struct Http2Stream {
    sending: SendStream<Bytes>,
    receiving: RecvStream,
    read: Bytes,
}

impl Connection {
    /// Connects to a server that is known to speak HTTP/2.
    pub fn open(address: SocketAddr) -> Self {
        let stream = wait(TcpStream::connect(address)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(Box::pin(stream))
    }

    /// Connects over a stream.
    pub fn over(stream: impl AsyncStream + Unpin + 'static) -> Self {
        let (ended, end) = watch::channel(None);
        let handshake = async {
            let mut builder = h2::client::Builder::new();
            builder
                .initial_window_size(1 << 20)
                .initial_connection_window_size(1 << 24);
            let (requests, mut connection) = builder.handshake(stream).await.map_err(broken)?;
            let mut pings = connection.ping_pong().unwrap();
            let driver = spawn(async move {
                let end = connection.await.map_err(|error| error.to_string());
                // Nobody may want to know.
                let _ = ended.send(Some(end));
            });
            // The server's settings come before its answer to this.
            pings.ping(Ping::opaque()).await.map_err(broken)?;
            Ok((requests, driver))
        };
        let (requests, driver) = wait(handshake).unwrap();
        Self { requests, driver, end }
    }

    /// Whether the server takes a WebSocket on a stream.
    pub fn takes_extended_connect(&self) -> bool {
        self.requests.is_extended_connect_protocol_enabled()
    }

    /// Sends a request and reads the response.
    pub fn request(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Response {
        self.begin(method, target, headers, body).response().unwrap()
    }

    /// Sends a GET.
    pub fn get(&mut self, target: &str) -> Response {
        self.request("GET", target, &[], "")
    }

    /// Sends a request.
    pub fn begin(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Pending {
        let mut pending = self.send(request(method, target, headers), body.is_empty());
        if !body.is_empty() {
            pending.send(body.to_owned(), true);
        }
        pending
    }

    /// Asks for a WebSocket, by an extended CONNECT for a protocol.
    pub fn connect(&mut self, protocol: &'static str, target: &str, headers: &[(&str, &str)]) -> Pending {
        let mut request = request("CONNECT", target, headers);
        request.extensions_mut().insert(Protocol::from_static(protocol));
        self.send(request, false)
    }

    /// Opens a WebSocket.
    pub fn websocket(&mut self, target: &str, headers: &[(&str, &str)]) -> WebSocket {
        let (response, stream) = self.stream(target, headers);
        assert_eq!(response.status, 200);
        WebSocket::on(stream, response)
    }

    /// The stream of a WebSocket, with the response that accepted.
    pub fn stream(&mut self, target: &str, headers: &[(&str, &str)]) -> (Response, Http2Stream) {
        let version = [&[("sec-websocket-version", "13")], headers].concat();
        self.connect("websocket", target, &version).stream().unwrap()
    }

    /// Sends a request as it is.
    pub fn send(&mut self, request: Request<()>, is_whole: bool) -> Pending {
        let requests = &mut self.requests;
        let sent = wait(async {
            poll_fn(|context| requests.poll_ready(context)).await.map_err(broken)?;
            requests.send_request(request, is_whole).map_err(broken)
        });
        let (response, sending) = sent.unwrap();
        Pending { response, sending }
    }

    /// Drops the connection, whatever its streams are about.
    pub fn cut(&mut self) {
        self.driver.abort();
    }

    /// Waits for the end of the connection: in order, or for this reason.
    ///
    /// # Errors
    /// What was not in order.
    pub fn end(&mut self) -> Result<(), String> {
        let end = wait(async { Ok(self.end.wait_for(Option::is_some).await.unwrap().clone()) });
        end.unwrap().unwrap()
    }
}

impl Pending {
    /// Sends a part of the body.
    pub fn send(&mut self, part: impl Into<Bytes>, is_last: bool) {
        self.sending.send_data(part.into(), is_last).unwrap();
    }

    /// Resets the stream.
    pub fn reset(mut self) {
        self.sending.send_reset(Reason::CANCEL);
    }

    /// Reads the response to its end.
    ///
    /// # Errors
    /// When there is none.
    pub fn response(self) -> io::Result<Response> {
        let (mut response, mut stream) = self.stream()?;
        io::Read::read_to_end(&mut stream, &mut response.body)?;
        Ok(response)
    }

    /// Reads the response up to its body, which the stream is.
    ///
    /// # Errors
    /// When there is none.
    pub fn stream(self) -> io::Result<(Response, Http2Stream)> {
        let response = wait(async { self.response.await.map_err(broken) })?;
        let (parts, receiving) = response.into_parts();
        let headers = parts.headers.iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        let response = Response {
            status: parts.status.as_u16(),
            headers: headers.collect(),
            body: Vec::new(),
        };
        let stream = Http2Stream {
            sending: self.sending,
            receiving,
            read: Bytes::new(),
        };
        Ok((response, stream))
    }
}

impl Http2Stream {
    /// Resets it.
    pub fn reset(&mut self, reason: Reason) {
        self.sending.send_reset(reason);
    }

    /// Why the server has reset it, which is waited for.
    pub fn await_reset(&mut self) -> Reason {
        let reset = poll_fn(|context| self.sending.poll_reset(context));
        wait(async { reset.await.map_err(broken) }).unwrap()
    }
}

impl io::Read for Http2Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.read.is_empty() {
            match wait(async { Ok(self.receiving.data().await) })? {
                Some(data) => self.read = data.map_err(broken)?,
                None => return Ok(0),
            }
        }
        let taken = self.read.split_to(self.read.len().min(buf.len()));
        buf[..taken.len()].copy_from_slice(&taken);
        self.receiving.flow_control().release_capacity(taken.len()).unwrap();
        Ok(taken.len())
    }
}

impl io::Write for Http2Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.sending.reserve_capacity(buf.len());
        while self.sending.capacity() == 0 {
            let capacity = poll_fn(|context| self.sending.poll_capacity(context));
            if wait(async { capacity.await.transpose().map_err(broken) })?.is_none() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
        let part = &buf[..self.sending.capacity().min(buf.len())];
        self.sending
            .send_data(Bytes::copy_from_slice(part), false)
            .map_err(broken)?;
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Http2Stream {
    fn finish(&mut self) -> io::Result<()> {
        self.sending.send_data(Bytes::new(), true).map_err(broken)
    }
}

/// A request to a server that is named `localhost`.
pub fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).unwrap())
        .uri(format!("http://localhost{target}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

/// A connection to a server of this process.
pub fn open(server: &Server) -> Connection {
    Connection::open(server.address())
}

fn broken(error: h2::Error) -> io::Error {
    io::Error::other(error)
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

impl fmt::Debug for Http2Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http2Stream").finish_non_exhaustive()
    }
}
