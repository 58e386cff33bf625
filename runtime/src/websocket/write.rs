//! Writing to a peer that may read slowly, or not at all.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::AsyncWrite as _;
use tokio::time::timeout;

use super::Reason;
use super::ending::Ending;
use super::mailbox::Mailbox;
use crate::transport::Transport;
use crate::wire::{self, Close};

/// How long a client that does not read is waited for when its connection is to end: whatever is written to it then.
pub(super) const LAST_WRITE: Duration = Duration::from_secs(1);

/// Writes to a peer that does not take everything at once. Meanwhile only what ends the connection is heard: then the
/// peer has a last second to take what is begun, so that a close frame can follow it. Where the connection is to move, what is
/// left moves with it.
///
/// Boxed: a deadline is something that a connection which writes freely has no room for.
pub(super) async fn write_slowly<M: Send + 'static>(
    mailbox: &Mailbox<M>,
    transport: &mut Transport,
    left: &mut &[u8],
    deadline: Duration,
) -> Result<(), Ending> {
    Box::pin(async {
        let signals = tokio::select! {
            // In this order, so that a test's seed says who comes first: what is urgent is heard next in any case.
            biased;
            written = write(transport, left, deadline) => return written.map_err(Ending::error),
            signals = mailbox.urgent() => signals,
        };
        if signals.moving.is_some() && !signals.overflowed {
            return Err(Ending::moving());
        }
        let mut ending = match signals.overflowed {
            true => Ending::new(1013, Reason::Slow),
            false => Ending::shutdown(),
        };
        let written = timeout(LAST_WRITE, write(transport, left, LAST_WRITE)).await;
        if !matches!(written, Ok(Ok(()))) {
            ending.0.close = None;
        }
        Err(ending)
    })
    .await
}

/// Writes the bytes, and leaves in `bytes` what has not been written: cancel safe in that. The deadline is for each step:
/// a peer may be slow, but not stand still.
async fn write(transport: &mut Transport, bytes: &mut &[u8], deadline: Duration) -> io::Result<()> {
    loop {
        let step = poll_fn(|context| {
            let before = bytes.len();
            match transport.poll_send(context, bytes) {
                Poll::Ready(written) => Poll::Ready(written.map(|()| true)),
                Poll::Pending if bytes.len() < before => Poll::Ready(Ok(false)),
                Poll::Pending => Poll::Pending,
            }
        });
        match timeout(deadline, step).await {
            Ok(Ok(false)) => {}
            Ok(end) => return end.map(drop),
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Writes what is left and the close frame, and ends the sending direction. Says whether there is a peer to listen to.
pub(super) async fn write_close(
    transport: &mut Transport,
    output: &mut Vec<u8>,
    close: &Close,
    deadline: Duration,
) -> bool {
    if wire::encode_close(close, output).is_err() {
        return false;
    }
    let written = timeout(deadline, async {
        write(transport, &mut &output[..], deadline).await?;
        poll_fn(|context| Pin::new(&mut *transport).poll_shutdown(context)).await
    });
    let written = written.await;
    output.clear();
    matches!(written, Ok(Ok(())))
}
