//! What is counted, for whoever has installed a recorder of the crate `metrics`.
//!
//! A handle is looked up once for each route, or once for each process: to count is then one addition.

use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

#[cfg(feature = "nats")]
use crate::pubsub::Link;
use crate::websocket::Reason;

/// The requests of one route.
#[derive(Clone)]
pub(crate) struct Requests {
    route: Arc<str>,
    seconds: Histogram,
}

impl Requests {
    pub(crate) fn new(route: &str) -> Self {
        Self {
            route: route.into(),
            seconds: histogram!("nova_http_request_seconds", "route" => route.to_owned()),
        }
    }

    pub(crate) fn answered(&self, status: u16, time: Duration) {
        let route = Arc::clone(&self.route);
        counter!("nova_http_requests_total", "route" => route, "status" => status.to_string()).increment(1);
        self.seconds.record(time);
    }
}

/// The WebSocket connections of one route; by default of none, and then nothing is counted.
#[derive(Clone, Default)]
pub(crate) struct Connections(Option<Arc<Route>>);

struct Route {
    path: String,
    open: Gauge,
    received: Counter,
    sent: Counter,
    waiting: Histogram,
}

impl Connections {
    pub(crate) fn new(route: &str) -> Self {
        let label = || route.to_owned();
        Self(Some(Arc::new(Route {
            path: label(),
            open: gauge!("nova_websocket_connections", "route" => label()),
            received: counter!("nova_websocket_received_total", "route" => label()),
            sent: counter!("nova_websocket_sent_total", "route" => label()),
            waiting: histogram!("nova_websocket_queue_messages", "route" => label()),
        })))
    }

    pub(crate) fn opened(&self) {
        if let Some(route) = &self.0 {
            route.open.increment(1);
        }
    }

    pub(crate) fn received(&self) {
        if let Some(route) = &self.0 {
            route.received.increment(1);
        }
    }

    pub(crate) fn sent(&self) {
        if let Some(route) = &self.0 {
            route.sent.increment(1);
        }
    }

    /// So many messages wait for a connection that is about to handle them.
    pub(crate) fn waiting(&self, messages: usize) {
        if let Some(route) = &self.0 {
            #[expect(clippy::cast_precision_loss, reason = "at most some thousands")]
            route.waiting.record(messages as f64);
        }
    }

    /// A connection goes on in another process.
    pub(crate) fn moved(&self) {
        if let Some(route) = &self.0 {
            route.open.decrement(1);
        }
    }

    pub(crate) fn closed(&self, reason: &Reason) {
        if let Some(route) = &self.0 {
            route.open.decrement(1);
            let path = route.path.clone();
            counter!("nova_websocket_closed_total", "route" => path, "reason" => name(reason)).increment(1);
        }
    }
}

fn name(reason: &Reason) -> &'static str {
    match reason {
        Reason::Remote(_) => "remote",
        Reason::Stop => "stop",
        Reason::Timeout => "timeout",
        Reason::BadFrame(_) => "bad frame",
        Reason::BadEncoding => "bad encoding",
        Reason::BadSize => "bad size",
        Reason::Crash(_) => "crash",
        Reason::Shutdown => "shutdown",
        Reason::Slow => "slow",
        Reason::Closed => "closed",
        Reason::Error(_) => "error",
    }
}

/// Broadcasts, on this node.
#[derive(Clone)]
pub(crate) struct Broadcasts {
    sent: Counter,
    delivered: Counter,
    missed: Counter,
}

impl Default for Broadcasts {
    fn default() -> Self {
        Self {
            sent: counter!("nova_broadcasts_total"),
            delivered: counter!("nova_broadcasts_delivered_total"),
            missed: counter!("nova_broadcasts_missed_total"),
        }
    }
}

impl Broadcasts {
    /// One was sent, to so many members, and missed so many.
    pub(crate) fn sent(&self, to: usize, missed: usize) {
        self.sent.increment(1);
        self.delivered.increment(to as u64);
        self.missed.increment(missed as u64);
    }
}

/// How the link to other nodes stands.
#[cfg(feature = "nats")]
pub(crate) fn link(link: &Link) {
    gauge!("nova_cluster_link_up").set(if link.is_up { 1.0 } else { 0.0 });
    #[expect(clippy::cast_precision_loss, reason = "some nodes, and some messages")]
    for (name, value) in [
        ("nova_cluster_nodes", link.nodes.len()),
        ("nova_cluster_queue_messages", link.queued),
    ] {
        gauge!(name).set(value as f64);
    }
    for (name, count) in [
        ("nova_cluster_connections_total", link.connections),
        ("nova_cluster_published_total", link.published),
        ("nova_cluster_received_total", link.received),
        ("nova_cluster_lost_total", link.lost),
        ("nova_cluster_gaps_total", link.gaps),
        ("nova_cluster_missed_total", link.missed),
    ] {
        counter!(name).absolute(count);
    }
    for (reason, count) in [
        ("down", link.refused_down),
        ("full", link.refused_full),
        ("too large", link.refused_too_large),
    ] {
        counter!("nova_cluster_refused_total", "reason" => reason).absolute(count);
    }
}
