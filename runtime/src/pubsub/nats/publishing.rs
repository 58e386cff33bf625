//! What waits is given to the connection, and the broker asked whether it has it.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::connection::Connection;
use super::outgoing::Item;
use super::shared::{Shared, add};
use crate::pubsub::adapter::Waiting;
use crate::wire::Text;

/// So much may be on its way without a word from the broker: it is what may be lost with a connection.
const WINDOW: u64 = 4096;
const WINDOW_BYTES: usize = 4 * 1024 * 1024;
/// So much is taken at a time.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 256 * 1024;

/// What the connection has been given, and the broker not confirmed.
#[derive(Default)]
pub(super) struct Flight {
    /// The broker has been asked about these.
    asked: Load,
    since: Load,
}

#[derive(Default)]
struct Load {
    messages: u64,
    bytes: usize,
    /// The channels of marks.
    marks: Vec<Text>,
}

impl Flight {
    fn add(&mut self, item: &Item) {
        match &item.marks {
            Some(channel) => self.since.marks.push(channel.clone()),
            None => self.since.messages += 1,
        }
        self.since.bytes += item.payload.len();
    }

    fn has_room(&self) -> bool {
        let messages = self.asked.messages + self.since.messages;
        messages < WINDOW && self.asked.bytes + self.since.bytes < WINDOW_BYTES
    }

    fn is_asked_about(&self) -> bool {
        self.since.messages == 0 && self.since.marks.is_empty()
    }

    /// The broker is asked now: its answer is for all so far.
    fn ask(&mut self) {
        self.asked = std::mem::take(&mut self.since);
    }

    fn confirm(&mut self, shared: &Shared) {
        let confirmed = std::mem::take(&mut self.asked);
        add(&shared.tally.published, confirmed.messages);
    }

    /// The connection is over: what was not confirmed may be lost. Marks are sent again.
    pub(super) fn end(self, shared: &Shared) -> u64 {
        let mut state = shared.outgoing.lock();
        for channel in self.asked.marks.into_iter().chain(self.since.marks) {
            state.interests.unmark(channel);
        }
        self.asked.messages + self.since.messages
    }
}

/// Publishes what waits until the connection breaks. What is on its way is in `flight`, also when this is dropped.
pub(super) async fn publish(
    shared: &Shared,
    connection: &Connection,
    ping_interval: Duration,
    flight: &mut Flight,
) -> Result<Infallible, String> {
    let mut confirmation: Option<Waiting<'_, Result<(), String>>> = None;
    let mut ping = interval(ping_interval);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let answer = async {
            match &mut confirmation {
                Some(confirmation) => confirmation.await,
                None => pending().await,
            }
        };
        let mut is_time = false;
        tokio::select! {
            answer = answer => {
                answer?;
                confirmation = None;
                flight.confirm(shared);
            }
            () = shared.outgoing.ready(), if flight.has_room() => batch(shared, connection, flight).await?,
            _ = ping.tick() => is_time = true,
        }
        if confirmation.is_none() && (is_time || !flight.is_asked_about()) {
            flight.ask();
            confirmation = Some(Box::pin(connection.confirm()));
        }
    }
}

async fn batch(shared: &Shared, connection: &Connection, flight: &mut Flight) -> Result<(), String> {
    let items = shared.outgoing.take(BATCH, BATCH_BYTES);
    for item in &items {
        flight.add(item);
    }
    for item in items {
        connection.publish(item.subject, item.payload).await?;
    }
    Ok(())
}

/// Publishes all that waits, and waits for the broker to confirm it.
pub(super) async fn drain(shared: &Shared, connection: &Connection, flight: &mut Flight) -> Result<(), String> {
    while shared.outgoing.len() > 0 {
        batch(shared, connection, flight).await?;
    }
    connection.confirm().await?;
    flight.confirm(shared);
    flight.ask();
    flight.confirm(shared);
    Ok(())
}
