//! Takes the connections of another process.

use std::collections::HashMap;
use std::io;
use std::net::TcpStream as StdTcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::{BEGIN_WITHIN, FromGiver, FromTaker, LONGEST, MOVE_WITHIN, SETTLE_WITHIN, VERSION};
use crate::line::{self, Receiver, Sender};
use crate::pubsub::{Beyond, PubSub};
use crate::server::Moved;
use crate::websocket::{Resumer, Settings, Snapshot};

/// Who takes connections: an application that serves nothing yet.
pub(crate) struct Taker {
    pub(crate) settings: Arc<Settings>,
    pub(crate) resumers: Vec<Resumer>,
}

/// What was taken.
pub(crate) struct Taken {
    pub(crate) connections: Vec<Moved>,
    /// By which the giver goes on to tell what is broadcast there.
    giver: Option<Receiver>,
}

/// Takes the connections of the process at the other end of the socket. Nothing where that process does not begin, as one
/// that knows nothing of this.
///
/// # Errors
/// When it has begun, and it came to nothing: then that process goes on with its connections, and this one is not needed.
pub(crate) async fn take(socket: UnixStream, taker: &Taker) -> io::Result<Taken> {
    let (sender, mut receiver) = line::over(socket, LONGEST)?;
    let mut taken = Taken {
        connections: Vec::new(),
        giver: None,
    };
    // The link to other nodes takes a while to come up: it does so before anything is disturbed.
    taker.settings.pubsub.hold_link();
    taker.settings.pubsub.start();
    // One that is gone can't begin.
    let _ = sender.send(&FromTaker::Hello { version: VERSION }, None).await;
    let Ok(Ok(Some(FromGiver::Begin {
        numbers_after,
        channels,
    }))) = timeout(BEGIN_WITHIN, receiver.next()).await
    else {
        tracing::info!("the process before this one hands nothing over");
        taker.settings.pubsub.release(None).await;
        return Ok(taken);
    };
    let pubsub = &taker.settings.pubsub;
    pubsub.expect(channels);
    pubsub.settle(Instant::now() + SETTLE_WITHIN).await;
    sender.send(&FromTaker::Ready, None).await?;
    // Longer than the giver has: what that has let go must not be given up here.
    let deadline = Instant::now() + 2 * MOVE_WITHIN;
    pubsub.number_after(numbers_after);
    // Until all are here, what is broadcast waits.
    pubsub.hold(deadline).await;
    let connections = timeout_at(deadline, taker.take_all(&sender, &mut receiver)).await;
    let (connections, heard) = connections.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    taken.connections = connections;
    pubsub.release(heard.as_deref()).await;
    taken.giver = Some(receiver);
    Ok(taken)
}

impl Taker {
    async fn take_all(&self, sender: &Sender, receiver: &mut Receiver) -> io::Result<(Vec<Moved>, Option<String>)> {
        let resumers: HashMap<_, _> = self.resumers.iter().map(|resumer| (key(resumer), resumer)).collect();
        let mut connections = Vec::new();
        let mut came = 0;
        let mut last_heard = None;
        loop {
            match next(receiver).await? {
                FromGiver::Connection { id, snapshot } => {
                    came += 1;
                    let stream = receiver.descriptor()?;
                    match self.resume(&resumers, &snapshot, stream) {
                        Ok(connection) => connections.push(connection),
                        Err(reason) => sender.send(&FromTaker::Refused { id, reason }, None).await?,
                    }
                }
                FromGiver::Broadcast { message, except } => deliver(&self.settings.pubsub, message, except),
                FromGiver::End { connections, heard } if connections == came => {
                    last_heard = heard;
                    sender.send(&FromTaker::Prepared, None).await?;
                }
                FromGiver::Commit => return Ok((connections, last_heard)),
                said @ (FromGiver::Begin { .. } | FromGiver::End { .. }) => {
                    return Err(io::Error::other(format!(
                        "{said:?} was not expected after {came} connections"
                    )));
                }
            }
        }
    }

    fn resume(
        &self,
        resumers: &HashMap<(Option<&str>, &str, &str), &Resumer>,
        snapshot: &str,
        stream: OwnedFd,
    ) -> Result<Moved, String> {
        let snapshot: Snapshot =
            serde_json::from_str(snapshot).map_err(|error| format!("it can't be read: {error}"))?;
        let resumer = resumers
            .get(&(snapshot.host.as_deref(), &snapshot.path, &snapshot.handler))
            .copied();
        let resumer =
            resumer.ok_or_else(|| format!("there is no route {} with {} any more", snapshot.path, snapshot.handler))?;
        let stream = TcpStream::from_std(StdTcpStream::from(stream)).map_err(|error| error.to_string())?;
        let successor = (resumer.resume)(snapshot, &self.settings, Arc::clone(&resumer.route))?;
        Ok((stream, successor))
    }
}

fn key(resumer: &Resumer) -> (Option<&str>, &str, &str) {
    let Resumer { route, handler, .. } = resumer;
    (route.host.as_deref(), &route.path, handler)
}

async fn next(receiver: &mut Receiver) -> io::Result<FromGiver> {
    let said = receiver.next().await?;
    said.ok_or_else(|| io::Error::other("the process that hands them over has given it up"))
}

fn deliver(pubsub: &PubSub, message: crate::pubsub::Message, except: Option<crate::pubsub::Number>) {
    pubsub.deliver_beyond(Beyond {
        message: Arc::new(message),
        except,
    });
}

impl Taken {
    /// Delivers what is still broadcast in the giver, until that has ended.
    pub(crate) async fn listen(giver: Option<Receiver>, pubsub: PubSub) {
        let Some(mut giver) = giver else { return };
        while let Ok(Some(said)) = giver.next().await {
            if let FromGiver::Broadcast { message, except } = said {
                deliver(&pubsub, message, except);
            }
        }
    }

    pub(crate) fn into_parts(self) -> (Vec<Moved>, Option<Receiver>) {
        (self.connections, self.giver)
    }
}
