//! A wire between a node and its broker that can be cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// What the wire does with what goes through it. What is cut is held, as the network's ends would send it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Whole,
    /// Everything takes this long.
    Slow(Duration),
    /// Nothing goes in either direction. Connections stay open, and new ones open and are silent.
    Cut,
    /// Nothing goes from the node to the broker.
    CutUp,
    /// Nothing goes from the broker to the node.
    CutDown,
}

/// The wire. It ends when this is dropped.
pub(crate) struct Link {
    address: SocketAddr,
    wire: watch::Sender<Wire>,
    /// Counts up when all connections are to be closed.
    closed: watch::Sender<u64>,
    subscribed: Arc<AtomicUsize>,
    _task: JoinSet<()>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

impl Link {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (wire, closed) = (watch::Sender::new(Wire::Whole), watch::Sender::new(0));
        let subscribed = Arc::new(AtomicUsize::new(0));
        let (now, ends, count) = (wire.subscribe(), closed.subscribe(), Arc::clone(&subscribed));
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (node, _) = listener.accept().await.unwrap();
                connections.spawn(carry(node, port, now.clone(), ends.clone(), Arc::clone(&count)));
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            address,
            wire,
            closed,
            subscribed,
            _task: task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    pub(crate) fn set(&self, wire: Wire) {
        self.wire.send_replace(wire);
    }

    /// Closes all connections.
    pub(crate) fn close(&self) {
        self.closed.send_modify(|times| *times += 1);
    }

    /// How often a channel has been subscribed to.
    pub(crate) fn subscribed(&self) -> usize {
        self.subscribed.load(Ordering::Relaxed)
    }
}

async fn carry(
    node: TcpStream,
    port: u16,
    wire: watch::Receiver<Wire>,
    mut ends: watch::Receiver<u64>,
    count: Arc<AtomicUsize>,
) {
    ends.mark_unchanged();
    if *wire.borrow() == Wire::Cut {
        let mut wire = wire.clone();
        let _ = wire.wait_for(|wire| *wire != Wire::Cut).await;
    }
    let Ok(broker) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    let ((from_node, to_node), (from_broker, to_broker)) = (node.into_split(), broker.into_split());
    tokio::select! {
        () = one_way(Direction::Up, from_node, to_broker, wire.clone(), Some(count)) => {}
        () = one_way(Direction::Down, from_broker, to_node, wire, None) => {}
        _ = ends.changed() => {}
    }
}

async fn one_way(
    direction: Direction,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut wire: watch::Receiver<Wire>,
    count: Option<Arc<AtomicUsize>>,
) {
    let mut bytes = vec![0; 64 * 1024];
    let is_open = |wire: &Wire| match wire {
        Wire::Whole | Wire::Slow(_) => true,
        Wire::Cut => false,
        Wire::CutUp => direction == Direction::Down,
        Wire::CutDown => direction == Direction::Up,
    };
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if let Some(count) = &count {
            let text = String::from_utf8_lossy(&bytes[..read]);
            count.fetch_add(text.matches("SUB nova.channel.").count(), Ordering::Relaxed);
        }
        let Ok(now) = wire.wait_for(is_open).await.map(|wire| *wire) else {
            return;
        };
        if let Wire::Slow(time) = now {
            sleep(time).await;
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
