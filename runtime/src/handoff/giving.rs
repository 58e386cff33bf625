//! Gives the connections to another process.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    BEGIN_WITHIN, FromGiver, FromTaker, HEAR_WITHIN, LONGEST, LONGEST_ANSWER, MOVE_WITHIN, SESSIONS_WITHIN,
    SETTLE_WITHIN, START_WITHIN, STOP_WITHIN, VERSION,
};
use crate::lifecycle::Lifecycle;
use crate::line::{self, BATCH, Receiver, Sender};
use crate::moving::{Content, Mover, Parcel, Verdict};
use crate::pubsub::{Beyond, PubSub};
use crate::session::{Carried, Sessions, Told};
use crate::wheel::Wheel;

/// So many bytes are sent together, unless one connection is more.
const BATCH_BYTES: usize = 256 * 1024;
/// So many connections are in memory as what is sent, before they are in the socket.
const WAITING: usize = 8;

/// Who gives connections: an application that serves.
#[derive(Clone)]
pub(crate) struct Giver {
    pub(crate) lifecycle: Lifecycle,
    pub(crate) wheel: Wheel,
    pub(crate) pubsub: PubSub,
    /// Where the application has them.
    pub(crate) sessions: Option<Arc<Sessions>>,
    /// Held by the attempt that is under way: there is one at a time.
    pub(crate) turn: Arc<Mutex<()>>,
}

/// What has become of the connections.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) moved: usize,
    /// How many are closed, for which reason.
    pub(crate) closed: BTreeMap<String, usize>,
    /// From the moment at which they were asked to stop.
    pub(crate) took: Duration,
    /// What happens here from now on, and who is to be told of it.
    pub(crate) beyond: After,
}

/// What happens in a process that has given.
#[derive(Debug)]
pub(crate) struct After {
    broadcasts: mpsc::Receiver<Beyond>,
    sessions: Option<mpsc::Receiver<Told>>,
    taker: Sender,
}

/// A connection on its way.
struct Sent {
    verdict: oneshot::Sender<Verdict>,
    refused: Option<String>,
}

/// What was gathered of the connections.
#[derive(Default)]
struct Gathered {
    sent: Vec<Sent>,
    /// Those that can't move, and why.
    stay: Vec<(oneshot::Sender<Verdict>, String)>,
    batch: Vec<u8>,
    streams: Vec<Arc<TcpStream>>,
}

/// Gives all connections to the process at the other end of the socket, when that says that it could take them; until then
/// nothing is disturbed. `None` where that was not said before `superseded`. Once it has begun it is carried to its end: not
/// cancel safe.
///
/// # Errors
/// When it comes to nothing, for whatever reason: then all goes on here.
pub(crate) async fn give(
    socket: UnixStream,
    giver: &Giver,
    superseded: impl Future<Output = ()>,
) -> io::Result<Option<Outcome>> {
    let (sender, mut receiver) = line::over(socket, LONGEST_ANSWER)?;
    let hello = tokio::select! {
        hello = timeout(START_WITHIN, receiver.next()) => hello??,
        () = superseded => return Ok(None),
    };
    match hello {
        Some(FromTaker::Hello { version: VERSION }) => {}
        said => return Err(unexpected(said)),
    }
    let _turn = giver.turn.lock().await;
    if giver.lifecycle.is_leaving() {
        return Err(io::Error::other("this process is ending"));
    }
    let begin = FromGiver::Begin {
        numbers_after: giver.pubsub.next_numbers(),
        channels: giver.pubsub.channels_heard(),
    };
    let ready = timeout(SETTLE_WITHIN + BEGIN_WITHIN, async {
        sender.send(&begin, None).await?;
        receiver.next().await
    });
    match ready.await?? {
        Some(FromTaker::Ready) => {}
        said => return Err(unexpected(said)),
    }
    let mut sessions = giver.give_sessions(&sender).await?;
    if !giver.lifecycle.hold() {
        return Err(io::Error::other("this process is ending"));
    }
    let began = Instant::now();
    let deadline = began + MOVE_WITHIN;
    let (mover, mut parcels) = Mover::new(WAITING);
    let mut gathered = Gathered::default();
    let exchanged = timeout_at(
        deadline,
        giver.exchange(&sender, &mut receiver, &mover, &mut parcels, &mut gathered),
    );
    let exchanged = exchanged.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let agreed = match exchanged {
        Ok(()) => giver.commit(&sender, &mut receiver, &mut sessions, deadline).await,
        Err(error) => Err(error),
    };
    giver.wheel.stay(agreed.is_ok());
    // One that has its place gives what it has, also when nobody wants it any more: then it hears so.
    parcels.close();
    while parcels.recv().await.is_some() {}
    match agreed {
        Ok(waiting) => {
            giver.lifecycle.let_go(true);
            mover.decide(Verdict::LeftBehind);
            let (moved, closed) = gathered.decide(mover.late());
            Ok(Some(Outcome {
                moved,
                closed,
                took: began.elapsed(),
                beyond: After {
                    broadcasts: waiting,
                    sessions,
                    taker: sender,
                },
            }))
        }
        Err(error) => {
            // The order in which it was held, backwards. Who has sent its connection goes on when its verdict is dropped.
            drop(gathered);
            mover.decide(Verdict::Kept);
            giver.pubsub.release(None).await;
            giver.lifecycle.let_go(false);
            Err(error)
        }
    }
}

fn unexpected(said: Option<FromTaker>) -> io::Error {
    io::Error::other(match said {
        Some(said) => format!("the new process says {said:?}"),
        None => "the new process has ended before it had taken over".to_owned(),
    })
}

/// Tells the other process what is broadcast here, and what happens to sessions, until nobody can broadcast any more, or it
/// is gone.
pub(crate) async fn forward(after: After) {
    let After {
        mut broadcasts,
        mut sessions,
        taker,
    } = after;
    loop {
        let told = tokio::select! {
            biased;
            Some(told) = next(&mut sessions) => FromGiver::Session { told },
            broadcast = broadcasts.recv() => match broadcast {
                Some(broadcast) => said(broadcast),
                // Whoever could broadcast could change a session.
                None => return,
            },
        };
        if taker.send(&told, None).await.is_err() {
            return;
        }
    }
}

/// The next that happens to a session.
async fn next(sessions: &mut Option<mpsc::Receiver<Told>>) -> Option<Told> {
    sessions.as_mut()?.recv().await
}

fn said(Beyond { message, except }: Beyond) -> FromGiver {
    FromGiver::Broadcast {
        message: Arc::unwrap_or_clone(message),
        except,
    }
}

impl Giver {
    /// Tells the other process of the sessions, while nothing is disturbed yet. Gives what happens to them from then on.
    async fn give_sessions(&self, sender: &Sender) -> io::Result<Option<mpsc::Receiver<Told>>> {
        let Some(sessions) = &self.sessions else {
            return Ok(None);
        };
        let Carried { key, sessions, changes } = sessions.carry();
        if let Some(key) = key {
            sender.send(&FromGiver::SessionKey { key }, None).await?;
        }
        let begun = Instant::now();
        let mut sessions = sessions.into_iter();
        while begun.elapsed() < SESSIONS_WITHIN {
            let mut batch = Vec::new();
            while batch.len() < BATCH_BYTES
                && let Some(told) = sessions.next()
            {
                batch.extend(line::to_line(&FromGiver::Session { told })?);
            }
            if batch.is_empty() {
                break;
            }
            timeout(SESSIONS_WITHIN, sender.write(&batch, &[])).await??;
        }
        if sessions.len() > 0 {
            tracing::warn!("{} sessions are left behind: there was no more time", sessions.len());
        }
        Ok(changes)
    }

    /// All that must succeed for the other process to be ready.
    async fn exchange(
        &self,
        sender: &Sender,
        receiver: &mut Receiver,
        mover: &Mover,
        parcels: &mut mpsc::Receiver<Parcel>,
        gathered: &mut Gathered,
    ) -> io::Result<()> {
        if !self.pubsub.hold(Instant::now() + STOP_WITHIN).await {
            return Err(io::Error::other("broadcasts are on their way for too long"));
        }
        let asking = async {
            self.wheel.move_out(mover).await;
            tracing::debug!("handing over to the new process");
            mover.answered();
            // Who is busy for longer is left behind, and not who has stopped and waits for its turn.
            let _ = timeout(STOP_WITHIN, mover.all_stopped()).await;
            mover.all_placed().await;
        };
        tokio::pin!(asking);
        loop {
            tokio::select! {
                biased;
                Some(parcel) = parcels.recv() => gathered.take(parcel, sender).await?,
                () = &mut asking => break,
            }
        }
        // Those that come from now on are too late.
        parcels.close();
        while let Some(parcel) = parcels.recv().await {
            gathered.take(parcel, sender).await?;
        }
        gathered.send(sender).await?;
        let connections = u32::try_from(gathered.sent.len()).map_err(io::Error::other)?;
        let heard = self.pubsub.heard();
        sender.send(&FromGiver::End { connections, heard }, None).await?;
        loop {
            match receiver.next().await? {
                Some(FromTaker::Refused { id, reason }) => gathered.refuse(id, reason)?,
                Some(FromTaker::Prepared) => return Ok(()),
                said => return Err(unexpected(said)),
            }
        }
    }

    /// Lets go: the connections are the other's, as soon as it says that it has heard so.
    async fn commit(
        &self,
        sender: &Sender,
        receiver: &mut Receiver,
        sessions: &mut Option<mpsc::Receiver<Told>>,
        deadline: Instant,
    ) -> io::Result<mpsc::Receiver<Beyond>> {
        let mut waiting = self.pubsub.release_beyond().await;
        let telling = async {
            while let Some(Ok(told)) = sessions.as_mut().map(mpsc::Receiver::try_recv) {
                sender.send(&FromGiver::Session { told }, None).await?;
            }
            while let Ok(broadcast) = waiting.try_recv() {
                sender.send(&said(broadcast), None).await?;
            }
            sender.send(&FromGiver::Commit, None).await
        };
        timeout_at(deadline, telling).await??;
        let heard = if let Ok(heard) = timeout(HEAR_WITHIN, receiver.next()).await {
            heard?
        } else {
            // Either it has said so before this, or it can't any more, and knows that.
            receiver.close()?;
            receiver.next().await?
        };
        match heard {
            Some(FromTaker::Taken) => Ok(waiting),
            said => Err(unexpected(said)),
        }
    }
}

impl Gathered {
    async fn take(&mut self, Parcel { content, verdict }: Parcel, sender: &Sender) -> io::Result<()> {
        match content {
            Content::Stays(reason) => self.stay.push((verdict, reason)),
            Content::Snapshot(snapshot, _) if snapshot.len() > LONGEST / 2 => {
                self.stay.push((verdict, "there is too much of it".to_owned()));
            }
            Content::Snapshot(snapshot, stream) => {
                let id = u32::try_from(self.sent.len()).map_err(io::Error::other)?;
                self.batch
                    .extend(line::to_line(&FromGiver::Connection { id, snapshot })?);
                self.streams.push(stream);
                self.sent.push(Sent { verdict, refused: None });
                if self.streams.len() >= BATCH || self.batch.len() >= BATCH_BYTES {
                    self.send(sender).await?;
                }
            }
        }
        Ok(())
    }

    async fn send(&mut self, sender: &Sender) -> io::Result<()> {
        let streams: Vec<_> = self.streams.iter().map(|stream| stream.as_fd()).collect();
        sender.write(&self.batch, &streams).await?;
        self.batch.clear();
        self.streams.clear();
        Ok(())
    }

    fn refuse(&mut self, id: u32, reason: String) -> io::Result<()> {
        let sent = self.sent.get_mut(id as usize);
        let sent = sent.ok_or_else(|| io::Error::other("the new process refuses what it was not given"))?;
        sent.refused = Some(reason);
        Ok(())
    }

    /// Tells every connection what becomes of it. Gives how many have moved, and why others are closed.
    fn decide(self, late: usize) -> (usize, BTreeMap<String, usize>) {
        let mut moved = 0;
        let mut closed = BTreeMap::new();
        let mut close = |verdict: oneshot::Sender<Verdict>, reason| {
            *closed.entry(reason).or_default() += 1;
            // One that has ended meanwhile does not hear it.
            let _ = verdict.send(Verdict::LeftBehind);
        };
        for Sent { verdict, refused } in self.sent {
            if let Some(reason) = refused {
                close(verdict, reason);
            } else {
                moved += 1;
                let _ = verdict.send(Verdict::Moved);
            }
        }
        self.stay
            .into_iter()
            .for_each(|(verdict, reason)| close(verdict, reason));
        if late > 0 {
            closed.insert("its handler was busy".to_owned(), late);
        }
        (moved, closed)
    }
}
