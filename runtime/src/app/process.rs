//! The process around an application: with what it begins, and who may replace it.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Mutex, oneshot};

use super::orders::{self, FirstOrders, Giving, Line};
use super::ready::Assembled;
use super::supervised;
use super::upgrade::Upgrade;
use crate::error::{Error, Result};
use crate::handoff::{self, Giver, Taker};
use crate::server::MovedHere;

pub(super) struct Process {
    line: Option<Line>,
    orders: FirstOrders,
    /// Whether it was started by the process that it is to replace.
    is_upgrade: bool,
    giving: Giving,
    upgrade: Option<Arc<Upgrade>>,
    /// Listened to from the beginning: who does not is ended by it.
    upgrades: Option<Signal>,
}

impl Process {
    /// Hears the first orders, where there are any.
    pub(super) async fn begin() -> Result<Self> {
        let upgrades = signal(SignalKind::user_defined2())?;
        let takes_over = std::env::var("NOVA_TAKEOVER").is_ok_and(|how| how == "line");
        let mut line = match supervised::is_supervised() || takes_over {
            true => orders::line()?,
            false => None,
        };
        let orders = match &mut line {
            Some(line) if takes_over => line.first_orders().await,
            _ => FirstOrders::default(),
        };
        Ok(Self {
            line,
            is_upgrade: orders.listener.is_some(),
            orders,
            giving: Giving::default(),
            upgrade: None,
            upgrades: Some(upgrades),
        })
    }

    /// The listening socket that the process was started with.
    pub(super) fn listener(&mut self) -> Result<Option<TcpListener>> {
        match self.orders.listener.take() {
            Some(listener) => {
                listener.set_nonblocking(true)?;
                Ok(Some(TcpListener::from_std(listener)?))
            }
            None => supervised::inherited_listener(),
        }
    }

    /// Takes over from the process before this one, where there is one.
    pub(super) async fn take_over(&mut self, app: &Assembled) -> Result<MovedHere> {
        let Some(socket) = self.orders.take.take() else {
            return Ok(MovedHere::default());
        };
        let taker = Taker {
            settings: Arc::clone(&app.settings),
            resumers: app.resumers.clone(),
            sessions: app.sessions.clone(),
            must: self.is_upgrade,
        };
        let taken = handoff::take(socket, &taker).await;
        let taken = taken.map_err(|error| Error::new(format!("the open WebSockets can't be taken over: {error}")))?;
        let connections = taken.connections;
        if !connections.is_empty() && !supervised::is_supervised() {
            tracing::info!("{} WebSockets have moved here", connections.len());
        }
        let begun = taken.after.map(|after| {
            let (begun, have_begun) = oneshot::channel();
            tokio::spawn(after.listen(have_begun));
            begun
        });
        Ok(MovedHere { connections, begun })
    }

    /// From now on does what is ordered on the line, and upgrades at `SIGUSR2`.
    pub(super) fn attend(&mut self, app: &Assembled, listener: &TcpListener) -> Result<()> {
        let giver = Giver {
            lifecycle: app.lifecycle.clone(),
            wheel: app.wheel.clone(),
            pubsub: app.pubsub.clone(),
            sessions: app.sessions.clone(),
            turn: Arc::new(Mutex::new(())),
        };
        let lifecycle = app.lifecycle.clone();
        if supervised::is_supervised() {
            match self.line.take() {
                Some(line) => {
                    let (giver, giving) = (giver, self.giving.clone());
                    let feed = app.feed.clone();
                    if let Some(feed) = &feed {
                        line.report_from(feed);
                    }
                    tokio::spawn(async move {
                        let tell = |line: &[u8]| {
                            if let Some(feed) = &feed {
                                feed.tell(&String::from_utf8_lossy(line));
                            }
                        };
                        line.attend(giver, giving, tell).await;
                        lifecycle.drain();
                    });
                }
                None => supervised::end_with_supervisor(lifecycle),
            }
            return Ok(());
        }
        let upgrade = Arc::new(Upgrade::prepare(listener, lifecycle)?);
        self.upgrade = Some(Arc::clone(&upgrade));
        let giving = self.giving.clone();
        let mut signals = self.upgrades.take();
        tokio::spawn(async move {
            while let Some(signals) = &mut signals
                && signals.recv().await.is_some()
            {
                giving.start(|newer| Arc::clone(&upgrade).run(giver.clone(), newer));
            }
        });
        Ok(())
    }

    /// The application accepts no more.
    pub(super) fn stopping(&self) {
        let upgraded = self.upgrade.as_ref().is_some_and(|upgrade| upgrade.stop());
        // A service goes on where another process has taken over.
        if !upgraded {
            supervised::notify("STOPPING=1");
        }
    }

    /// The application has ended.
    pub(super) async fn end(self) {
        self.giving.end().await;
    }
}
