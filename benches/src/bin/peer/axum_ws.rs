//! axum's own WebSocket, as its documentation has it: an echo, and a chat over `tokio::sync::broadcast`.

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::routing::any;
use axum::serve::ListenerExt as _;
use futures_util::{SinkExt as _, Stream, StreamExt as _};
use nova_benches::Result;
use tokio::net::TcpListener;
use tokio::sync::broadcast;

/// How many messages wait for a member that is slow, as in axum's example.
const CAPACITY: usize = 100;

/// Serves as it comes, or with smaller buffers and each message sent at once.
pub(crate) async fn serve(listener: TcpListener, buffers: Option<usize>) -> Result<()> {
    let with_buffers = move |upgrade: WebSocketUpgrade| match buffers {
        Some(size) => upgrade.read_buffer_size(size).write_buffer_size(0),
        None => upgrade,
    };
    let (sender, _) = broadcast::channel::<Utf8Bytes>(CAPACITY);
    let router = Router::new()
        .route(
            "/echo",
            any(async move |upgrade: WebSocketUpgrade| with_buffers(upgrade).on_upgrade(echo)),
        )
        .route(
            "/pub",
            any(
                async move |upgrade: WebSocketUpgrade, State(sender): State<broadcast::Sender<Utf8Bytes>>| {
                    with_buffers(upgrade).on_upgrade(move |socket| say(socket, sender))
                },
            ),
        )
        .route(
            "/sub",
            any(
                async move |upgrade: WebSocketUpgrade, State(sender): State<broadcast::Sender<Utf8Bytes>>| {
                    with_buffers(upgrade).on_upgrade(move |socket| chat(socket, sender))
                },
            ),
        )
        .with_state(sender);
    let small = buffers.is_some();
    let listener = listener.tap_io(move |stream| {
        // Without it the kernel holds small messages back to send several as one, which is what comes with axum. Where it
        // fails, that shows in the latencies.
        let _ = stream.set_nodelay(small);
    });
    Ok(axum::serve(listener, router).await?)
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            break;
        }
    }
}

/// Two tasks for each member, as in axum's example: one passes on what is said, and one says what the member sends. The
/// text is shared, where the example copies it.
async fn chat(socket: WebSocket, sender: broadcast::Sender<Utf8Bytes>) {
    let mut said = sender.subscribe();
    let (mut out, input) = socket.split();
    let mut passing = tokio::spawn(async move {
        while let Ok(text) = said.recv().await {
            if out.send(Message::Text(text)).await.is_err() {
                break;
            }
        }
    });
    let mut saying = tokio::spawn(say(input, sender));
    tokio::select! {
        _ = &mut passing => saying.abort(),
        _ = &mut saying => passing.abort(),
    }
}

/// Says what is sent, to whoever hears it.
async fn say<S>(mut input: S, sender: broadcast::Sender<Utf8Bytes>)
where
    S: Stream<Item = Result<Message, axum::Error>> + Unpin,
{
    while let Some(Ok(Message::Text(text))) = input.next().await {
        let _ = sender.send(text);
    }
}
