//! A connection taken out of a process, and into one.

use std::any::Any;
use std::sync::Arc;

use super::{Connection, Ended, Event, call};
use crate::moving::{Content, Verdict};
use crate::transport::{Successor, Transport};
use crate::websocket::ending::Ending;
use crate::websocket::handoff::{Resumed, type_name};
use crate::websocket::mailbox::Load;
use crate::websocket::output::Output;
use crate::websocket::route::Route;
use crate::websocket::snapshot::{SavedLoad, Snapshot};
use crate::websocket::{Settings, Socket, WebSocketHandler};
use crate::wire::Codec;

/// With what a connection begins in the process that it has moved to.
pub(crate) struct Resumption {
    unread: Vec<u8>,
    state: Arc<dyn Any + Send + Sync>,
}

impl<H: WebSocketHandler<M>, M: Send + 'static> Connection<H, M> {
    /// Gives the connection to who moves it, if it can travel, and waits for what becomes of it. Unless it has moved, it is as
    /// it was before.
    pub(super) async fn move_out(&mut self, transport: &mut Transport, unread: &[u8]) -> Verdict {
        let mailbox = Arc::clone(&self.output.mailbox);
        self.output.take_back();
        let Some((mover, load)) = mailbox.unload() else {
            // It was given up meanwhile.
            self.output.lend_again();
            return Verdict::Kept;
        };
        let verdict = match mover.place().await {
            None => mover.too_late().await,
            Some(place) => {
                let content = match self.snapshot(&load, unread) {
                    Err(reason) => Content::Stays(reason),
                    Ok(snapshot) => match transport.share() {
                        Some(stream) => Content::Snapshot(snapshot, stream),
                        None => Content::Stays("it is not plain TCP".to_owned()),
                    },
                };
                place.give(content).await.unwrap_or(Verdict::Kept)
            }
        };
        if verdict != Verdict::Moved {
            mailbox.reload(load);
            self.output.lend_again();
        }
        verdict
    }

    fn snapshot(&mut self, load: &Load<M>, unread: &[u8]) -> Result<String, String> {
        let Output {
            mailbox,
            codec,
            bytes,
            timeout,
            receives,
            route,
            ..
        } = &self.output;
        let handoff = const { &H::HANDOFF };
        let membership = self.socket.0.membership();
        // First what may fail: then nothing was taken.
        let state = handoff.save(&self.handler)?;
        let load = SavedLoad::save(load, mailbox, || handoff.messages())?;
        let snapshot = Snapshot {
            host: route.host.clone(),
            path: route.path.clone(),
            handler: type_name::<H>().to_owned(),
            number: membership.number(),
            channels: membership.channels(),
            reports_gaps: mailbox.takes_gaps(),
            state,
            unread: unread.to_vec(),
            unwritten: bytes.clone(),
            // The other process decodes what follows, so this one's is lent for the moment.
            decoder: std::mem::take(&mut self.decoder),
            codec: codec.as_ref().map(Codec::save),
            receives: *receives,
            limits: super::Limits {
                write_timeout: *timeout,
                wire: self.limits,
            },
            bounds: mailbox.bounds(),
            silent_for: mailbox.silent_for(),
            load,
        };
        let json = serde_json::to_string(&snapshot);
        self.decoder = snapshot.decoder;
        json.map_err(|error| error.to_string())
    }

    /// Begins in this process.
    pub(super) async fn resume(&mut self, transport: &mut Transport, resumption: Resumption) -> Result<(), Ending> {
        let Resumption { unread, state } = resumption;
        let write = self.output.flush(transport);
        let resumed = Resumed { state: &*state };
        let called = call(self.handler.resumed(resumed, &self.socket.0), write).await;
        if let Err(ending) = self.output.settle(called) {
            return Err(ending.with_unread(&unread));
        }
        self.begin(transport, unread.into()).await
    }
}

/// The connection that a snapshot is of, which goes on with its stream. Until then it holds its place in its channels.
///
/// # Errors
/// Why it can't be resumed.
pub(crate) fn resume<H: WebSocketHandler<M>, M: Send + 'static>(
    snapshot: Snapshot,
    settings: &Settings,
    route: Arc<Route>,
) -> Result<Successor, String> {
    let handoff = const { &H::HANDOFF };
    let handler = handoff.resume(&snapshot.state)?;
    let watched = route.watch.as_ref().map(|watch| watch.begin(None));
    let socket = Socket::<M>::moved(&settings.pubsub, &settings.wheel, snapshot.number, watched);
    let socket = Ended(socket);
    let mailbox = Arc::clone(socket.0.mailbox());
    mailbox.keep_to(snapshot.bounds);
    mailbox.reload(snapshot.load.resume(&mailbox, || handoff.messages())?);
    if snapshot.reports_gaps {
        mailbox.report_gaps();
    }
    for (channel, forwarded) in snapshot.channels {
        match forwarded {
            true => socket.0.forward(channel),
            false => socket.0.join(channel),
        };
    }
    let codec = snapshot.codec.map(Codec::resume);
    let mut connection = Connection::<H, M>::new(handler, socket, snapshot.limits, codec, route);
    connection.decoder = snapshot.decoder;
    connection.output.receives = snapshot.receives;
    connection.output.begin_with_all(snapshot.unwritten);
    let resumption = Resumption {
        unread: snapshot.unread,
        state: Arc::clone(&settings.state),
    };
    let silent_for = snapshot.silent_for;
    Ok(Box::new(move |transport, _| {
        mailbox.begin_again(silent_for);
        if let Some(watched) = mailbox.watched() {
            watched.open(transport.peer());
        }
        Box::pin(connection.go_on(transport, Event::Resume(Box::new(resumption))))
    }))
}
