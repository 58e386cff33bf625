//! HTTP/2 on a connection (RFC 9113), and the streams of it that become WebSockets (RFC 8441).

use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::HttpBody;
use axum::extract::{ConnectInfo, Request};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{StatusCode, header};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::ext::Protocol;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tower::ServiceExt as _;

use super::arriving::arriving;
use super::heads::MAX_HEAD;
use super::host::name_host;
use super::limits::{Limits, Running};
use super::outgoing::Outgoing;
use super::patient::Patient;
use super::{Application, Served, last_request, too_many};
use crate::lifecycle::Lifecycle;
use crate::transport::{self, Duplex, Stream, Successor, Transport};

/// How many streams a client may have open at a time, WebSockets included.
const MAX_STREAMS: u32 = 200;
/// How many bytes a client may send on a stream before they are read: the protocol's own default.
const STREAM_WINDOW: u32 = 65_535;
/// The same for the whole connection: so much that a stream which is not read never holds up another.
const CONNECTION_WINDOW: u32 = MAX_STREAMS * STREAM_WINDOW;
/// How many bytes the headers of a request may have.
#[expect(clippy::cast_possible_truncation, reason = "it is a small number")]
const MAX_HEADERS: u32 = MAX_HEAD as u32;
/// How many bytes wait on a stream for a client that does not read them.
const SEND_BUFFER: usize = 64 * 1024;
/// How many bytes of a WebSocket are written at a time: those of a frame, which is what they are cut into anyway.
const WRITE_SIZE: usize = 16 * 1024;
/// How many bytes of a response are given to a stream at a time: what is given waits in memory, however much it is.
const RESPONSE_SIZE: usize = 16 * 1024;
/// How long what is left of a WebSocket may take to be sent, and the last words of a connection at the server's end.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves a connection and its streams until they have ended.
///
/// Like one of HTTP/1, a connection has the header timeout to bring its first request, and the idle timeout to bring another.
pub(super) async fn serve<I, T>(io: I, peer: SocketAddr, served: Served<T>) -> hyper::Result<()>
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    T: Application,
{
    let streams = Streams::default();
    let served_http = serve_http(io, peer, &served, &streams).await;
    // The connection is gone, and the WebSockets that it carried are about to notice.
    while !streams.is_empty() {
        streams.ended().await;
    }
    served_http
}

async fn serve_http<I, T>(io: I, peer: SocketAddr, served: &Served<T>, streams: &Streams) -> hyper::Result<()>
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    T: Application,
{
    let limits = &served.limits;
    let spawner = streams.spawner(limits.write_timeout);
    let answering = Answering {
        peer,
        limits: Arc::clone(limits),
        lifecycle: served.lifecycle.clone(),
        spawner: spawner.clone(),
    };
    let application = served.service.clone();
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let (answering, application) = (answering.clone(), application.clone());
        Box::pin(async move { Ok::<_, Infallible>(answering.answer(request, application).await) })
    });
    // What is not set here is hyper's to choose: it ends a connection whose client resets streams faster than they are
    // answered.
    let mut builder = http2::Builder::new(spawner);
    builder
        .timer(TokioTimer::new())
        .enable_connect_protocol()
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEADERS)
        .max_send_buf_size(SEND_BUFFER);
    let io = Patient::new(io, limits.write_timeout);
    let mut http = pin!(builder.serve_connection(TokioIo::new(io), service));
    let mut last_request = pin!(last_request(&served.lifecycle));
    let (mut is_ending, mut is_draining) = (false, false);
    loop {
        let is_silent = streams.is_empty();
        let patience = match (is_ending, is_draining, streams.had_one()) {
            // What is left is sent to a client that reads it.
            (true, false, true) => limits.write_timeout,
            (true, ..) => FAREWELL,
            (false, _, true) => limits.idle_timeout,
            (false, _, false) => limits.header_timeout,
        };
        tokio::select! {
            // In this order: a stream that the connection opens is heard of when it ends.
            biased;
            () = &mut last_request, if !is_draining => {
                http.as_mut().graceful_shutdown();
                (is_ending, is_draining) = (true, true);
            }
            served = &mut http => return served,
            () = streams.ended() => {}
            () = sleep(patience), if is_silent => match is_ending {
                // Meanwhile one may have been opened.
                _ if !streams.is_empty() => {}
                true => return Ok(()),
                false => {
                    http.as_mut().graceful_shutdown();
                    is_ending = true;
                }
            },
        }
    }
}

/// What it takes to answer the requests of a connection.
#[derive(Clone)]
struct Answering {
    peer: SocketAddr,
    limits: Arc<Limits>,
    lifecycle: Lifecycle,
    spawner: Spawner,
}

impl Answering {
    /// Answers a request. Where it is accepted as a WebSocket, its stream goes on as that, in a task of its own.
    async fn answer<T: Application>(self, request: hyper::Request<Incoming>, application: T) -> Response<Taken> {
        let (request, body) = request.into_parts();
        let (body, arrival) = arriving(body, self.limits.body);
        let mut request = Request::from_parts(request, body);
        if let Some(arrival) = arrival {
            request.extensions_mut().insert(arrival);
        }
        let running = self.limits.run();
        let response = match running {
            None => too_many(),
            Some(_) if !name_host(&mut request) => StatusCode::BAD_REQUEST.into_response(),
            Some(_) => self.answer_clear(request, application).await,
        };
        response.map(|body| Taken(Outgoing::new(body, RESPONSE_SIZE, running)))
    }

    async fn answer_clear<T: Application>(self, mut request: Request, application: T) -> Response {
        request.extensions_mut().insert(ConnectInfo(self.peer));
        if request.extensions().get::<Protocol>().is_none() {
            let Ok(mut response) = application.oneshot(request).await;
            if response.status() == StatusCode::NO_CONTENT {
                // It must not be there (RFC 9110 §8.6): in HTTP/1 hyper takes it away.
                response.headers_mut().remove(header::CONTENT_LENGTH);
            }
            return response;
        }
        let connection = transport::Connection::default();
        request.extensions_mut().insert(connection.clone());
        let upgrade = request.extensions().get::<OnUpgrade>().cloned();
        let Ok(response) = application.oneshot(request).await;
        // A middleware may have taken it back: then the successor ends here.
        if let (Some(successor), Some(upgrade)) = (connection.take_successor(), upgrade)
            && response.status().is_success()
        {
            let sending = Sending::claim();
            self.spawner.spawn(go_on(upgrade, sending, successor, self.lifecycle));
        }
        response
    }
}

/// Goes on with a stream once its response has been sent: as the WebSocket, and as what sends its bytes.
async fn go_on(upgrade: OnUpgrade, sending: oneshot::Receiver<Sending>, successor: Successor, lifecycle: Lifecycle) {
    let (Ok(stream), Ok(Sending(sending))) = (upgrade.await, sending.await) else {
        // What was accepted goes on all the same: it is to see the end itself.
        let gone = Stream::Boxed(Box::new(tokio::io::empty()));
        return successor(Transport::new(gone, None, lifecycle.alive()), Bytes::new()).await;
    };
    let stream = Stream::Boxed(Box::new(WebSocketStream(TokioIo::new(stream))));
    let mut websocket = successor(Transport::new(stream, None, lifecycle.alive()), Bytes::new());
    let mut sending = Some(sending);
    poll_fn(|context| {
        let ended = websocket.as_mut().poll(context);
        if sending
            .as_mut()
            .is_some_and(|sending| sending.as_mut().poll(context).is_ready())
        {
            // The other half learns from its drop that all is sent.
            sending = None;
        }
        ended
    })
    .await;
    drop(websocket);
    if let Some(sending) = sending {
        // To a client that does not take it, the stream is reset when this is dropped.
        let _ = timeout(FAREWELL, sending).await;
    }
}

/// What sends the bytes of a stream that is no longer HTTP's: the half that hyper keeps.
struct Sending(Pin<Box<dyn Future<Output = ()> + Send>>);

tokio::task_local! {
    /// The stream that this task is of.
    static STREAM: StreamTask;
}

/// What the task of a stream, and what runs in it, know of each other.
#[derive(Default)]
struct StreamTask {
    /// Who wants the sending half.
    claim: Cell<Option<oneshot::Sender<Sending>>>,
    /// How many pieces of the response have been given to be sent, and whether the last of them waits for room.
    given: Cell<u64>,
    is_full: Cell<bool>,
}

impl Sending {
    /// Claims that of the stream which this is called for: so that it is not a task of its own, that nobody would end
    /// while a client does not read.
    fn claim() -> oneshot::Receiver<Self> {
        let (claim, claimed) = oneshot::channel();
        // In the task of a stream it is there.
        let _ = STREAM.try_with(|stream| stream.claim.set(Some(claim)));
        claimed
    }
}

/// A response's body whose stream knows how far it has been taken.
struct Taken(Outgoing<Option<Running>>);

impl HttpBody for Taken {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.0).poll_frame(cx);
        // It is asked for a piece when there is room for the one before it.
        let _ = STREAM.try_with(|stream| {
            stream.is_full.set(matches!(frame, Poll::Ready(Some(_))));
            stream.given.update(|given| given + 1);
        });
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// Runs a stream's task, until nothing of a piece of its response has been taken for a time. Dropped, it is reset.
async fn while_taken(task: impl Future<Output = ()>, write_timeout: Duration) {
    let mut task = pin!(task);
    let mut timer: Option<(u64, Pin<Box<Sleep>>)> = None;
    poll_fn(|context| {
        if task.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let (given, is_full) = STREAM.with(|stream| (stream.given.get(), stream.is_full.get()));
        if !is_full {
            timer = None;
            return Poll::Pending;
        }
        let (at, timer) = timer.get_or_insert_with(|| (given, Box::pin(sleep(write_timeout))));
        if *at != given {
            *at = given;
            timer.as_mut().reset(Instant::now() + write_timeout);
        }
        timer.as_mut().poll(context)
    })
    .await;
}

/// The tasks of a connection's streams. They end with it, at the latest.
#[derive(Default)]
struct Streams(Arc<Tasks>);

#[derive(Default)]
struct Tasks {
    tasks: Mutex<JoinSet<()>>,
    had_one: AtomicBool,
}

/// Spawns the tasks of streams. It is held by these tasks too, so it does not keep them alive.
#[derive(Clone)]
struct Spawner {
    tasks: Weak<Tasks>,
    write_timeout: Duration,
}

impl Streams {
    fn spawner(&self, write_timeout: Duration) -> Spawner {
        Spawner {
            tasks: Arc::downgrade(&self.0),
            write_timeout,
        }
    }

    fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// Whether there has been one.
    fn had_one(&self) -> bool {
        self.0.had_one.load(Ordering::Relaxed)
    }

    /// Waits until one of them has ended. Cancel safe.
    async fn ended(&self) {
        poll_fn(|context| match self.0.lock().poll_join_next(context) {
            Poll::Ready(Some(_)) => Poll::Ready(()),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        })
        .await;
    }
}

impl Tasks {
    fn lock(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spawner {
    /// Without its connection there is nothing left to do for a stream.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(tasks) = self.tasks.upgrade() {
            tasks.had_one.store(true, Ordering::Relaxed);
            tasks.lock().spawn(task);
        }
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Spawner {
    fn execute(&self, future: F) {
        // What comes from within a stream's task is the sending half of that stream; the others are streams.
        match STREAM.try_with(|stream| stream.claim.take()) {
            // It fails when the one who claimed it has ended: then the stream is reset.
            Ok(Some(claim)) => drop(claim.send(Sending(Box::pin(future)))),
            Ok(None) => self.spawn(future),
            Err(_) => self.spawn(STREAM.scope(StreamTask::default(), while_taken(future, self.write_timeout))),
        }
    }
}

/// A stream that has become a WebSocket's.
struct WebSocketStream(TokioIo<Upgraded>);

impl Duplex for WebSocketStream {}

/// A stream that was reset, or whose connection is gone, is closed: what hyper says of it in an error of no kind.
fn closed(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::Other => io::Error::new(io::ErrorKind::ConnectionReset, error),
        _ => error,
    }
}

impl AsyncRead for WebSocketStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf).map_err(closed)
    }
}

impl AsyncWrite for WebSocketStream {
    /// Takes no more than a frame: what is taken waits in memory, however much it is.
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let buf = &buf[..buf.len().min(WRITE_SIZE)];
        Pin::new(&mut self.0).poll_write(cx, buf).map_err(closed)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx).map_err(closed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx).map_err(closed)
    }
}
