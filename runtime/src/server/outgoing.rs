//! A response's body as it leaves.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

/// A response's body in pieces of a bounded size, with what lasts until it has left.
pub(super) struct Outgoing<L> {
    body: Body,
    most: usize,
    rest: Bytes,
    _lasting: L,
}

impl<L> Outgoing<L> {
    /// What has been given to HTTP/2 waits there whole, however little of it the client takes: so it is given in pieces.
    pub(super) fn new(body: Body, most: usize, lasting: L) -> Self {
        Self {
            body,
            most,
            rest: Bytes::new(),
            _lasting: lasting,
        }
    }
}

impl<L: Unpin> HttpBody for Outgoing<L> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.len() > self.most => self.rest = data,
                    Ok(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return Poll::Ready(other),
            }
        }
        let most = self.most.min(self.rest.len());
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(most)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        let rest = self.rest.len() as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[test]
    fn a_body_leaves_in_pieces_and_says_how_much_is_left() {
        crate::testing::run(async {
            let mut body = Outgoing::new(Body::from(vec![7; 25]), 10, ());
            for (left, size) in [(25, 10), (15, 10), (5, 5)] {
                assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(left), false));
                let frame = body.frame().await.unwrap().unwrap();
                assert_eq!(frame.into_data().unwrap(), vec![7; size]);
            }
            assert!(body.is_end_stream());
            assert!(body.frame().await.is_none());
        });
    }
}
