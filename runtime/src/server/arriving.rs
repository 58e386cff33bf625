//! A request's body as it comes: who sends it too slowly is not waited for.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::limits::Pace;
use crate::transport::Arrival;

/// A body that is counted while it is waited for, and not while it is left unread.
pub(super) struct Arriving<B> {
    body: B,
    pace: Pace,
    /// How long may still be waited.
    credit: Duration,
    /// Since when that is.
    waiting: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    arrival: Arc<Arrival>,
}

/// The body of a request, with what is to be known of its arrival: nothing where there is none to wait for.
pub(super) fn arriving<B>(body: B, pace: Pace) -> (Body, Option<Arc<Arrival>>)
where
    B: HttpBody<Data = Bytes, Error: Error + Send + Sync + 'static> + Send + Unpin + 'static,
{
    if body.is_end_stream() {
        return (Body::empty(), None);
    }
    let arrival = Arc::new(Arrival::default());
    let body = Arriving {
        body,
        pace,
        credit: pace.patience,
        waiting: None,
        timer: None,
        arrival: Arc::clone(&arrival),
    };
    (Body::new(body), Some(arrival))
}

impl<B> Arriving<B> {
    /// What has come earns time, though not more than there was.
    fn earn(&mut self, bytes: usize) {
        let nanoseconds = (bytes as u64).saturating_mul(1_000_000_000) / u64::from(self.pace.rate.max(1));
        let earned = Duration::from_nanos(nanoseconds);
        self.credit = self.credit.saturating_add(earned).min(self.pace.patience);
    }

    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Without a limit there is none.
        if self.pace.patience.is_zero() {
            return Poll::Pending;
        }
        let end = *self.waiting.get_or_insert_with(Instant::now) + self.credit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        loop {
            // One that fires too early is set again then, and not each time that there is more to wait.
            if timer.is_elapsed() || timer.deadline() > end {
                timer.as_mut().reset(end);
            }
            std::task::ready!(timer.as_mut().poll(cx));
            if Instant::now() >= end {
                return Poll::Ready(());
            }
        }
    }
}

impl<B> HttpBody for Arriving<B>
where
    B: HttpBody<Data = Bytes, Error: Error + Send + Sync + 'static> + Unpin,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.arrival.is_late() {
            return Poll::Ready(None);
        }
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            return self.poll_patience(cx).map(|()| {
                self.arrival.set_late();
                let late = "the body comes too slowly: see server.body_timeout";
                Some(Err(io::Error::new(io::ErrorKind::TimedOut, late).into()))
            });
        };
        if let Some(start) = self.waiting.take() {
            self.credit = self.credit.saturating_sub(start.elapsed());
        }
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.earn(data.len());
        }
        if frame.is_none() || self.body.is_end_stream() {
            self.arrival.set_over();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tokio::sync::mpsc;
    use tokio::time::{advance, sleep};

    use super::*;

    /// A body of what is sent to it.
    struct Sent(mpsc::Receiver<usize>);

    impl HttpBody for Sent {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            let received = self.0.poll_recv(cx);
            received.map(|bytes| Some(Ok(Frame::data(Bytes::from(vec![0; bytes?])))))
        }
    }

    const PACE: Pace = Pace {
        patience: Duration::from_secs(30),
        rate: 100,
    };

    /// How long a body lasts of which so many bytes come each so many seconds, and whether it came whole.
    fn lasts(bytes: usize, every: u64, times: usize) -> (u64, bool) {
        crate::testing::run_paused(async move {
            let (sender, receiver) = mpsc::channel(1);
            let (body, arrival) = arriving(Sent(receiver), PACE);
            let start = Instant::now();
            let sending = async move {
                for _ in 0..times {
                    sleep(Duration::from_secs(every)).await;
                    if sender.send(bytes).await.is_err() {
                        return;
                    }
                }
            };
            let read = async { (body.collect().await.is_ok(), start.elapsed().as_secs()) };
            let ((is_whole, lasted), ()) = tokio::join!(read, sending);
            assert_eq!(arrival.unwrap().is_late(), !is_whole);
            (lasted, is_whole)
        })
    }

    #[test]
    fn drops_do_not_keep_a_body_open_and_a_slow_upload_goes_on_for_hours() {
        assert_eq!(lasts(0, 1000, 1), (30, false));
        let (lasted, is_whole) = lasts(1, 2, 1000);
        assert!((30..=31).contains(&lasted) && !is_whole, "{lasted}");
        // As fast as it must be, and with pauses that it has earned.
        assert_eq!(lasts(100, 1, 10_000), (10_000, true));
        assert_eq!(lasts(2_900, 29, 100), (2_900, true));
    }

    #[test]
    fn the_time_in_which_a_body_is_not_read_does_not_count() {
        crate::testing::run_paused(async {
            let (sender, receiver) = mpsc::channel(10);
            let (mut body, _) = arriving(Sent(receiver), PACE);
            for _ in 0..10 {
                sender.send(1).await.unwrap();
            }
            drop(sender);
            for _ in 0..10 {
                advance(Duration::from_hours(1)).await;
                assert!(body.frame().await.unwrap().is_ok());
            }
        });
    }
}
