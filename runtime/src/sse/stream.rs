//! A body whose parts are waited for, and which ends with the server.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;
use tokio::time::{Instant, Sleep, sleep};

use super::Event;
use crate::lifecycle::Lifecycle;
use crate::lot;
use crate::unwind::caught;

/// After how long a client comes back that was cut off.
const RETRY: Duration = Duration::from_secs(3);

/// How a stream is kept.
pub(crate) struct Stream {
    pub(crate) lifecycle: Lifecycle,
    /// After how long without a part there is a comment, by which a client that is gone is found out.
    pub(crate) keep_alive: Duration,
    /// Whether clients are told after how long to come back, at the beginning and at the end of the server.
    pub(crate) says_when_to_return: bool,
}

type Next<S> = Pin<Box<dyn Future<Output = Option<(Bytes, S)>> + Send>>;

struct Parts<S, F> {
    stream: Stream,
    has_begun: bool,
    /// `None` after the end.
    next: Option<Next<S>>,
    step: F,
    draining: Pin<Box<dyn Future<Output = ()> + Send>>,
    silence: Pin<Box<Sleep>>,
}

/// A body of what `step` gives, again and again, until that is nothing, or the server ends.
pub(crate) fn body<S, F, Fut>(stream: Stream, state: S, step: F) -> Body
where
    S: Send + 'static,
    F: Fn(S) -> Fut + Send + 'static,
    Fut: Future<Output = Option<(Bytes, S)>> + Send + 'static,
{
    let lifecycle = stream.lifecycle.clone();
    let silence = Box::pin(sleep(stream.keep_alive));
    let first = step(state);
    Body::new(Parts {
        stream,
        has_begun: false,
        next: Some(until_panic(first)),
        // Where it is does not matter: what it gives is in a box of its own.
        step: Box::new(step),
        draining: Box::pin(async move { lifecycle.draining().await }),
        silence,
    })
}

/// What is waited for, to its end or to its panic, which is the end of the stream and of nothing else.
fn until_panic<S: Send + 'static>(next: impl Future<Output = Option<(Bytes, S)>> + Send + 'static) -> Next<S> {
    Box::pin(async {
        caught(next).await.unwrap_or_else(|panic| {
            tracing::error!("a stream of events {panic}");
            None
        })
    })
}

impl<S, F, Fut> HttpBody for Parts<S, Box<F>>
where
    S: Send + 'static,
    F: Fn(S) -> Fut,
    Fut: Future<Output = Option<(Bytes, S)>> + Send + 'static,
{
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = |bytes: Bytes| Poll::Ready(Some(Ok(Frame::data(bytes))));
        let parts = &mut *self;
        let Some(next) = &mut parts.next else {
            return Poll::Ready(None);
        };
        if !std::mem::replace(&mut parts.has_begun, true) && parts.stream.says_when_to_return {
            return part(Event::retry(RETRY).to_string().into());
        }
        // First: a stream that always has something is to end too.
        if parts.draining.as_mut().poll(context).is_ready() {
            parts.next = None;
            return match parts.stream.says_when_to_return {
                true => part(Event::retry(parts.stream.come_back()).to_string().into()),
                false => Poll::Ready(None),
            };
        }
        match next.as_mut().poll(context) {
            Poll::Ready(Some((bytes, state))) => {
                parts.next = Some(until_panic((parts.step)(state)));
                parts.silence.as_mut().reset(Instant::now() + parts.stream.keep_alive);
                return part(bytes);
            }
            Poll::Ready(None) => {
                parts.next = None;
                return Poll::Ready(None);
            }
            Poll::Pending => {}
        }
        if parts.silence.as_mut().poll(context).is_ready() {
            parts.silence.as_mut().reset(Instant::now() + parts.stream.keep_alive);
            return part(Bytes::from_static(b":\n\n"));
        }
        Poll::Pending
    }
}

impl Stream {
    /// After how long a client is to come back: soon where another process has taken over, and by lot, for all do.
    fn come_back(&self) -> Duration {
        match self.lifecycle.has_moved() {
            true => Duration::from_millis(100) + lot::within(Duration::from_millis(900)),
            false => Duration::from_secs(1) + lot::within(Duration::from_secs(4)),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn stream(lifecycle: &Lifecycle, says_when_to_return: bool) -> Stream {
        Stream {
            lifecycle: lifecycle.clone(),
            keep_alive: Duration::from_secs(15),
            says_when_to_return,
        }
    }

    async fn next(body: &mut Body) -> Option<String> {
        let frame = body.frame().await?.unwrap();
        Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
    }

    #[test]
    fn it_ends_with_the_server_however_much_there_is_to_say() {
        crate::testing::run(async {
            let (lifecycle, _ended) = Lifecycle::new();
            let always = async |count: u32| Some((Bytes::from(count.to_string()), count + 1));
            let mut body = body(stream(&lifecycle, true), 0, always);
            assert_eq!(next(&mut body).await.unwrap(), "retry: 3000\n\n");
            assert_eq!(next(&mut body).await.unwrap(), "0");
            assert_eq!(next(&mut body).await.unwrap(), "1");
            lifecycle.drain();
            let last = next(&mut body).await.unwrap();
            let after = last.strip_prefix("retry: ").unwrap().trim_end().parse::<u64>().unwrap();
            assert!((1000..5000).contains(&after), "{last}");
            assert!(next(&mut body).await.is_none() && next(&mut body).await.is_none());
        });
    }

    #[test]
    fn clients_of_one_that_was_taken_over_come_back_soon() {
        crate::testing::run(async {
            let (lifecycle, _ended) = Lifecycle::new();
            let mut body = body(stream(&lifecycle, true), (), async |()| std::future::pending().await);
            next(&mut body).await.unwrap();
            lifecycle.hold();
            lifecycle.let_go(true);
            let last = next(&mut body).await.unwrap();
            let after = last.strip_prefix("retry: ").unwrap().trim_end().parse::<u64>().unwrap();
            assert!((100..1000).contains(&after), "{last}");
            assert!(next(&mut body).await.is_none());
        });
    }

    #[cfg(feature = "test-util")]
    #[test]
    fn in_silence_it_sends_comments_and_goes_on_waiting() {
        crate::testing::run_paused(async {
            let (lifecycle, _ended) = Lifecycle::new();
            let slow = async |()| {
                sleep(Duration::from_secs(40)).await;
                Some((Bytes::from_static(b"late"), ()))
            };
            let mut body = body(stream(&lifecycle, false), (), slow);
            for expected in [":\n\n", ":\n\n", "late", ":\n\n", ":\n\n", "late"] {
                assert_eq!(next(&mut body).await.unwrap(), expected);
            }
        });
    }

    #[test]
    fn a_panic_is_its_end() {
        crate::testing::run(async {
            let (lifecycle, _ended) = Lifecycle::new();
            let panics = async |fails: bool| {
                assert!(!fails, "boom");
                None
            };
            let mut body = body(stream(&lifecycle, false), true, panics);
            assert!(next(&mut body).await.is_none());
        });
    }
}
