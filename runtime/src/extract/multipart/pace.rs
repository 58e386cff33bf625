//! A form's body, a piece at a time.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_core::Stream;

/// How much of a form may come without a field's beginning or a piece of it: what is before the first, and the head of each.
const MAX_HEAD: usize = 64 * 1024;

/// How much has come since the form's reader got on.
#[derive(Debug, Default)]
pub(super) struct Pace(AtomicUsize);

/// More has come than the head of a field may have.
#[derive(Debug)]
pub(super) struct TooLong;

/// A body that gives one piece each time it is asked. The parser takes all that there is before it looks at any of it, and
/// so would have in memory whatever the client sends while nobody reads.
pub(super) struct Paced {
    body: BodyDataStream,
    pace: Arc<Pace>,
    has_given: bool,
}

impl Pace {
    /// The reader has got on.
    pub(super) fn went_on(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

impl Paced {
    pub(super) fn new(body: Body, pace: Arc<Pace>) -> Self {
        Self {
            body: body.into_data_stream(),
            pace,
            has_given: false,
        }
    }
}

impl Stream for Paced {
    type Item = Result<Bytes, axum::BoxError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.has_given) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = ready!(Pin::new(&mut this.body).poll_next(context));
        this.has_given = true;
        Poll::Ready(match piece {
            None => None,
            Some(Err(error)) => Some(Err(error.into())),
            Some(Ok(piece)) => {
                // One piece may be longer: it is here already.
                let before = this.pace.0.fetch_add(piece.len(), Ordering::Relaxed);
                Some(if before > MAX_HEAD {
                    Err(TooLong.into())
                } else {
                    Ok(piece)
                })
            }
        })
    }
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the head of a field is too long")
    }
}

impl std::error::Error for TooLong {}
