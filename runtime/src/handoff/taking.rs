//! Takes the connections of another process.

use std::collections::HashMap;
use std::io;
use std::net::TcpStream as StdTcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use super::{BEGIN_WITHIN, FromGiver, FromTaker, LONGEST, MOVE_WITHIN, SETTLE_WITHIN, VERSION};
use crate::lifecycle::{Alive, Lifecycle};
use crate::line::{self, Receiver, Sender};
use crate::pubsub::{Beyond, Message, Number, PubSub};
use crate::server::Moved;
use crate::session::{Sessions, Told};
use crate::websocket::{Resumer, Settings, Snapshot};

/// Who takes connections: an application that serves nothing yet.
pub(crate) struct Taker {
    pub(crate) settings: Arc<Settings>,
    pub(crate) resumers: Vec<Resumer>,
    /// Where the application has them.
    pub(crate) sessions: Option<Arc<Sessions>>,
    /// Whether it was started for nothing but this: then it does not serve without.
    pub(crate) must: bool,
}

/// What was taken.
pub(crate) struct Taken {
    pub(crate) connections: Vec<Moved>,
    /// Where the giver has begun.
    pub(crate) after: Option<After>,
}

/// What the giver has to say still: what is broadcast there.
pub(crate) struct After {
    giver: Receiver,
    /// How far the other nodes were heard there.
    heard: Option<String>,
    pubsub: PubSub,
    sessions: Option<Arc<Sessions>>,
    lifecycle: Lifecycle,
    alive: Alive,
}

/// Takes the connections of the process at the other end of the socket. Nothing where that process does not begin, as one
/// that knows nothing of this, unless it must. Broadcasts wait until [`After::listen`].
///
/// # Errors
/// When it has begun, and it came to nothing: then that process goes on with its connections, and this one is not needed.
pub(crate) async fn take(socket: UnixStream, taker: &Taker) -> io::Result<Taken> {
    let (sender, mut receiver) = line::over(socket, LONGEST)?;
    let mut taken = Taken {
        connections: Vec::new(),
        after: None,
    };
    // The link to other nodes takes a while to come up: it does so before anything is disturbed.
    taker.settings.pubsub.hold_link();
    taker.settings.pubsub.start();
    // One that is gone can't begin.
    let _ = sender.send(&FromTaker::Hello { version: VERSION }, None).await;
    // One that must may have to wait for the end of another attempt.
    let patience = if taker.must { 2 * MOVE_WITHIN } else { BEGIN_WITHIN };
    let begin = timeout(patience, receiver.next()).await;
    let (numbers_after, channels) = match begin {
        Ok(Ok(Some(FromGiver::Begin {
            numbers_after,
            channels,
        }))) => (numbers_after, channels),
        // It has begun, with what can't be received.
        Ok(Err(error)) => return Err(error),
        Ok(Ok(Some(_))) => {
            return Err(io::Error::other(
                "the process before this one does not begin with the beginning",
            ));
        }
        Ok(Ok(None)) | Err(_) if taker.must => {
            return Err(io::Error::other("the process before this one hands nothing over"));
        }
        Ok(Ok(None)) | Err(_) => {
            tracing::info!("the process before this one hands nothing over");
            taker.settings.pubsub.release(None).await;
            return Ok(taken);
        }
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
    taken.after = Some(After {
        giver: receiver,
        heard,
        pubsub: pubsub.clone(),
        sessions: taker.sessions.clone(),
        alive: taker.settings.lifecycle.alive(),
        lifecycle: taker.settings.lifecycle.clone(),
    });
    Ok(taken)
}

impl Taker {
    async fn take_all(&self, sender: &Sender, receiver: &mut Receiver) -> io::Result<(Vec<Moved>, Option<String>)> {
        let resumers: HashMap<_, _> = self.resumers.iter().map(|resumer| (key(resumer), resumer)).collect();
        let mut connections = Vec::new();
        // Said at the end: before it nobody listens, and who says too much to nobody waits for ever.
        let mut refused = Vec::new();
        let mut came = 0;
        let mut is_prepared = false;
        let mut last_heard = None;
        loop {
            match next(receiver).await? {
                FromGiver::Connection { id, snapshot } if !is_prepared => {
                    came += 1;
                    let stream = receiver.descriptor()?;
                    match self.resume(&resumers, &snapshot, stream) {
                        Ok(connection) => connections.push(connection),
                        Err(reason) => refused.push(FromTaker::Refused { id, reason }),
                    }
                }
                FromGiver::SessionKey { key } if !is_prepared => {
                    if let Some(sessions) = &self.sessions {
                        sessions.take_key(&key);
                    }
                }
                FromGiver::Session { told } => take_session(self.sessions.as_ref(), told),
                FromGiver::Broadcast { message, except } => deliver(&self.settings.pubsub, message, except),
                FromGiver::End { connections, heard } if connections == came && !is_prepared => {
                    last_heard = heard;
                    for refused in refused.drain(..) {
                        sender.send(&refused, None).await?;
                    }
                    self.expect_to_serve()?;
                    sender.send(&FromTaker::Prepared, None).await?;
                    is_prepared = true;
                }
                FromGiver::Commit if is_prepared => {
                    self.expect_to_serve()?;
                    // Who can't be told that goes on with them itself.
                    sender.send(&FromTaker::Taken, None).await?;
                    return Ok((connections, last_heard));
                }
                said => {
                    let said = match said {
                        FromGiver::Begin { .. } => "a beginning",
                        FromGiver::Connection { .. } => "a connection",
                        FromGiver::SessionKey { .. } | FromGiver::Session { .. } => "a session",
                        FromGiver::End { .. } => "the end",
                        FromGiver::Broadcast { .. } | FromGiver::Commit => "the last word",
                    };
                    return Err(io::Error::other(format!(
                        "{said} was not expected after {came} connections"
                    )));
                }
            }
        }
    }

    /// Not where it was told to end meanwhile.
    fn expect_to_serve(&self) -> io::Result<()> {
        match self.settings.lifecycle.is_leaving() {
            true => Err(io::Error::other("this process is ending")),
            false => Ok(()),
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

fn deliver(pubsub: &PubSub, message: Message, except: Option<Number>) {
    pubsub.deliver_beyond(Beyond {
        message: Arc::new(message),
        except,
    });
}

fn take_session(sessions: Option<&Arc<Sessions>>, told: Told) {
    if let Some(sessions) = sessions {
        sessions.take(told);
    }
}

impl After {
    /// Lets go what was broadcast meanwhile, when the connections have begun; then delivers what is still broadcast in the
    /// giver, until that has ended.
    ///
    /// Where everything has moved on to a third process, this one stays until then: it is on the way there.
    pub(crate) async fn listen(self, begun: oneshot::Receiver<()>) {
        let Self {
            mut giver,
            heard,
            pubsub,
            sessions,
            lifecycle,
            alive,
        } = self;
        // One that will never begin has nobody to deliver to.
        let _ = begun.await;
        pubsub.release(heard.as_deref()).await;
        let mut alive = Some(alive);
        loop {
            let said = tokio::select! {
                said = giver.next() => said,
                () = ending_for_good(&lifecycle), if alive.is_some() => {
                    alive = None;
                    continue;
                }
            };
            match said {
                Ok(Some(FromGiver::Broadcast { message, except })) => deliver(&pubsub, message, except),
                Ok(Some(FromGiver::Session { told })) => take_session(sessions.as_ref(), told),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }
}

/// Waits for the end that is not for another process to take over.
async fn ending_for_good(lifecycle: &Lifecycle) {
    lifecycle.draining().await;
    if !lifecycle.stays().await {
        std::future::pending::<()>().await;
    }
}
