//! HTTP/1 on a connection.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, sleep_until, timeout};

use super::arriving::arriving;
use super::heads::MAX_HEAD;
use super::host::name_host;
use super::limits::{Limits, Running};
use super::outgoing::Outgoing;
use super::talk::{Heard, Talk, Turn};
use super::{Application, Served, last_request, too_many};
use crate::lifecycle::Lifecycle;
use crate::transport::{Connection, Successor};

/// How much hyper keeps of what is read and of what is written.
const BUFFER: usize = 64 * 1024;
/// How long the last words of a connection may take, and how long and how much is still read after them: a client whose
/// bytes nobody reads is reset, and may lose what it was told.
const LAST_WORDS: Duration = Duration::from_secs(2);
const LAST_BYTES: usize = 16 * 1024 * 1024;

/// Serves a connection until it ends, or until a request has handed it over: then gives it back, with what was read
/// beyond that request and what goes on with it.
pub(super) async fn serve<I, T>(
    io: I,
    peer: SocketAddr,
    served: Served<T>,
) -> hyper::Result<Option<(I, Bytes, Successor)>>
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    T: Application,
{
    let (connection, talk) = (Connection::default(), Talk::new());
    let Served {
        service,
        limits,
        lifecycle,
        ..
    } = served;
    let answering = Arc::new(Answering {
        connection: connection.clone(),
        limits: Arc::clone(&limits),
        lifecycle: lifecycle.clone(),
        talk: talk.clone(),
        peer,
    });
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        Eager::of(Arc::clone(&answering).answer(request, service.clone()))
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // The time that a head has is kept here, where it can be told from that of a connection without a request.
        .header_read_timeout(None)
        .max_header_size(MAX_HEAD)
        .max_buf_size(BUFFER);
    let io = Heard::new(io, limits.write_timeout, talk.clone());
    let mut http = builder.serve_connection(TokioIo::new(io), service);
    let mut timer = pin!(sleep_until(Instant::now() + limits.header_timeout));
    let mut last_request = pin!(last_request(&lifecycle));
    let mut head_timeout = limits.header_timeout;
    let mut is_ending = false;
    let served = poll_fn(|context| {
        if !is_ending && last_request.as_mut().poll(context).is_ready() {
            // Who has not sent one by now is not waited for.
            (is_ending, head_timeout) = (true, Duration::ZERO);
            if talk.is_cut_short() {
                return Poll::Ready(None);
            }
            Pin::new(&mut http).graceful_shutdown();
        }
        if let Poll::Ready(served) = http.poll_without_shutdown(context) {
            return Poll::Ready(Some(served));
        }
        let Some(deadline) = talk.deadline(&limits, head_timeout) else {
            // It changes only where HTTP is polled, and a timer that fires for nothing does so once.
            return Poll::Pending;
        };
        loop {
            if timer.is_elapsed() || timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(context));
            if Instant::now() >= deadline {
                return Poll::Ready(None);
            }
        }
    });
    let served = served.await;
    // What was accepted goes on even where the response could not be written: it is to see the end itself.
    if connection.has_successor() {
        let parts = http.into_parts();
        let io = parts.io.into_inner().into_inner();
        let successor = connection.take_successor();
        return Ok(successor.map(|successor| (io, parts.read_buf, successor)));
    }
    let is_late = served.is_none();
    let ended = match served {
        // HTTP is over, and what it has written may still be on its way.
        Some(Ok(())) if talk.too_long().is_none() => poll_fn(|context| Pin::new(&mut http).poll(context)).await,
        Some(ended) => ended,
        None => Ok(()),
    };
    let io = http.into_parts().io.into_inner();
    let late = || (is_late && talk.is_cut_short()).then_some(StatusCode::REQUEST_TIMEOUT);
    let last_words = talk.too_long().or_else(late);
    // At the end of the server those are not listened to who were silent before.
    let takes = (ended.is_err() || talk.may_send_more()) && !(is_late && is_ending);
    if takes || is_late {
        // It has ended whether the client hears that or not.
        let _ = timeout(LAST_WORDS, Box::pin(end(io, last_words, takes))).await;
    }
    ended.map(|()| None)
}

/// Says the last words, and takes what still comes for a while, where something may.
async fn end<I: AsyncRead + AsyncWrite + Unpin>(
    mut io: Heard<I>,
    last_words: Option<StatusCode>,
    takes: bool,
) -> io::Result<()> {
    if let Some(status) = last_words {
        let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        io.write_all(head.as_bytes()).await?;
    }
    io.shutdown().await?;
    let mut io = io.into_inner();
    let mut taken = if takes { 0 } else { LAST_BYTES };
    // Here, so that a connection has no room for it before.
    let mut space = vec![0; if takes { BUFFER } else { 0 }];
    while taken < LAST_BYTES {
        match io.read(&mut space).await? {
            0 => break,
            more => taken += more,
        }
    }
    Ok(())
}

/// A response on its way, as far as it came at once.
///
/// Most come at once. Then nothing is left of the request when hyper looks whether the client is still there, and it finds
/// room in the buffer that it has: otherwise it takes 8 KiB more for each request. Who has to wait is asked again in the same
/// turn of the connection, by hyper, and then knows whom to wake.
enum Eager<F: Future> {
    Done(Option<F::Output>),
    /// In a box, for hyper wants to move it.
    Waiting(Pin<Box<F>>),
}

impl<F: Future> Eager<F> {
    fn of(answering: F) -> Self {
        let mut answering = Box::pin(answering);
        match answering.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => Self::Done(Some(answer)),
            Poll::Pending => Self::Waiting(answering),
        }
    }
}

impl<F: Future<Output: Unpin>> Future for Eager<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match &mut *self {
            Self::Done(answer) => answer.take().map_or(Poll::Pending, Poll::Ready),
            Self::Waiting(answering) => answering.as_mut().poll(cx),
        }
    }
}

/// What it takes to answer the requests of a connection.
struct Answering {
    connection: Connection,
    limits: Arc<Limits>,
    lifecycle: Lifecycle,
    talk: Talk,
    peer: SocketAddr,
}

impl Answering {
    async fn answer<T: Application>(
        self: Arc<Self>,
        request: hyper::Request<Incoming>,
        mut service: T,
    ) -> Result<Response<Outgoing<Lasting>>, Infallible> {
        let (turn, is_clear) = self.talk.begin();
        let (request, body) = request.into_parts();
        let (body, arrival) = arriving(body, self.limits.body);
        let mut request = Request::from_parts(request, body);
        let running = self.limits.run();
        let refused = refusal(&mut request, is_clear);
        let is_refused = refused.is_some();
        let mut response = match (refused, &running) {
            (Some(refused), _) => refused,
            (None, None) => too_many(),
            (None, Some(_)) => {
                request.extensions_mut().insert(ConnectInfo(self.peer));
                if request.headers().contains_key(header::UPGRADE) {
                    request.extensions_mut().insert(self.connection.clone());
                }
                if let Some(arrival) = &arrival {
                    request.extensions_mut().insert(Arc::clone(arrival));
                }
                // It is always ready.
                let Ok(response) = service.call(request).await;
                response
            }
        };
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            // A middleware may have taken the upgrade back.
            drop(self.connection.take_successor());
            let is_cut = arrival.is_some_and(|arrival| !arrival.is_over());
            let is_last =
                is_refused || self.lifecycle.is_draining() || is_cut && NOT_WAITED_FOR.contains(&response.status());
            if is_last {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
        }
        Ok(response.map(|body| Outgoing::new(body, usize::MAX, (turn, running))))
    }
}

/// What is answered to a request whose body is left where it is.
const NOT_WAITED_FOR: [StatusCode; 2] = [StatusCode::REQUEST_TIMEOUT, StatusCode::PAYLOAD_TOO_LARGE];

/// What lasts as long as a response.
type Lasting = (Turn, Option<Running>);

/// Refuses a request that others may read differently, or that can't be read here.
fn refusal(request: &mut Request, is_clear: bool) -> Option<Response> {
    let coded = request.headers().get_all(header::TRANSFER_ENCODING);
    let is_twice = coded.iter().nth(1).is_some();
    // RFC 9112 §6.1: of the codings there is only this one here.
    let is_understood = coded
        .iter()
        .all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    if !is_clear || is_twice || !name_host(request) {
        return Some(StatusCode::BAD_REQUEST.into_response());
    }
    (!is_understood).then(|| StatusCode::NOT_IMPLEMENTED.into_response())
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, ReadBuf, duplex};

    use super::*;
    use crate::server::ServerOptions;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nbehind it";

    /// Serves a connection whose first request hands it over.
    async fn serve_upgrade<I>(io: I) -> hyper::Result<Option<(I, Bytes, Successor)>>
    where
        I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let service = tower::service_fn(async |request: Request| -> Result<Response, Infallible> {
            let connection = request.extensions().get::<Connection>().unwrap();
            connection.hand_over_to(Box::new(|_, _| Box::pin(async {})));
            let headers = [("connection", "upgrade"), ("upgrade", "x")];
            Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
        });
        serve_with(io, service).await
    }

    async fn serve_with<I, T>(io: I, service: T) -> hyper::Result<Option<(I, Bytes, Successor)>>
    where
        I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        T: Application,
    {
        let (lifecycle, _ended) = Lifecycle::new();
        let served = Served {
            service,
            tls: None,
            limits: ServerOptions::default().limits(),
            lifecycle,
        };
        serve(io, SocketAddr::from(([127, 0, 0, 1], 1)), served).await
    }

    /// A stream on which nothing can be written.
    struct ReadOnly(DuplexStream);

    impl AsyncRead for ReadOnly {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }

    impl AsyncWrite for ReadOnly {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<std::io::Result<usize>> {
            Poll::Ready(Err(std::io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn what_goes_on_does_so_though_the_client_is_gone() {
        crate::testing::run(async {
            let (mut client, server) = duplex(1024);
            client.write_all(REQUEST).await.unwrap();
            assert!(serve_upgrade(ReadOnly(server)).await.unwrap().is_some());
        });
    }

    #[test]
    fn who_is_gone_is_not_worked_for_long() {
        crate::testing::run_paused(async {
            let (mut client, server) = duplex(1024);
            client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
            client.shutdown().await.unwrap();
            let service =
                tower::service_fn(async |_: Request| -> Result<Response, Infallible> { std::future::pending().await });
            let start = Instant::now();
            assert!(serve_with(server, service).await.unwrap().is_none());
            assert_eq!(start.elapsed().as_secs(), 5);
        });
    }

    #[test]
    fn a_connection_is_handed_over_when_its_response_is_written() {
        crate::testing::run(async {
            let (client, server) = duplex(16);
            let (mut from_server, mut to_server) = tokio::io::split(client);
            let reading = async {
                let mut head = Vec::new();
                from_server.read_to_end(&mut head).await.unwrap();
                String::from_utf8(head).unwrap()
            };
            let serving = async {
                let (io, read_ahead, _) = serve_upgrade(server).await.unwrap().unwrap();
                drop(io);
                read_ahead
            };
            let (head, _, _) = tokio::join!(reading, serving, to_server.write_all(REQUEST));
            assert!(head.ends_with("\r\n\r\n"), "{head:?}");
        });
    }
}
