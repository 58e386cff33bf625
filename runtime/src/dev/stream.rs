//! A body whose parts are waited for.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;

type Next<S> = Pin<Box<dyn Future<Output = Option<(Bytes, S)>> + Send>>;

struct Parts<S, F> {
    next: Option<Next<S>>,
    step: F,
}

/// A body of what `step` gives, again and again, until that is nothing.
pub(super) fn body<S, F, Fut>(state: S, step: F) -> Body
where
    S: Send + Unpin + 'static,
    F: Fn(S) -> Fut + Send + Unpin + 'static,
    Fut: Future<Output = Option<(Bytes, S)>> + Send + 'static,
{
    let next: Next<S> = Box::pin(step(state));
    Body::new(Parts { next: Some(next), step })
}

impl<S, F, Fut> HttpBody for Parts<S, F>
where
    S: Unpin,
    F: Fn(S) -> Fut + Unpin,
    Fut: Future<Output = Option<(Bytes, S)>> + Send + 'static,
{
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(next) = &mut self.next else {
            return Poll::Ready(None);
        };
        let part = ready!(next.as_mut().poll(context));
        self.next = None;
        Poll::Ready(part.map(|(bytes, state)| {
            self.next = Some(Box::pin((self.step)(state)));
            Ok(Frame::data(bytes))
        }))
    }
}
