//! Nothing is counted: the feature `metrics` is off.

use std::time::Duration;

use crate::websocket::Reason;

#[derive(Clone)]
pub(crate) struct Requests;

impl Requests {
    pub(crate) fn new(_route: &str) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "as where there is something to count with")]
    pub(crate) fn answered(&self, _status: u16, _time: Duration) {}
}

#[derive(Clone, Default)]
pub(crate) struct Connections(());

#[expect(clippy::unused_self, reason = "as where there is something to count with")]
impl Connections {
    pub(crate) fn new(_route: &str) -> Self {
        Self(())
    }

    pub(crate) fn opened(&self) {}

    pub(crate) fn received(&self) {}

    pub(crate) fn sent(&self) {}

    pub(crate) fn waiting(&self, _messages: usize) {}

    pub(crate) fn moved(&self) {}

    pub(crate) fn closed(&self, _reason: &Reason) {}
}

#[derive(Clone, Default)]
pub(crate) struct Broadcasts(());

impl Broadcasts {
    #[expect(clippy::unused_self, reason = "as where there is something to count with")]
    pub(crate) fn sent(&self, _to: usize, _missed: usize) {}
}

#[cfg(feature = "nats")]
pub(crate) fn link(_link: &crate::pubsub::Link) {}
