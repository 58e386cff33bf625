//! axum's own WebSocket, as its documentation has it.

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::routing::any;
use axum::serve::ListenerExt as _;
use nova_benches::Result;
use tokio::net::TcpListener;

/// Serves as it comes, or with smaller buffers and each message sent at once.
pub(crate) async fn serve(listener: TcpListener, buffers: Option<usize>) -> Result<()> {
    let upgrade = async move |upgrade: WebSocketUpgrade| {
        match buffers {
            Some(size) => upgrade.read_buffer_size(size).write_buffer_size(0),
            None => upgrade,
        }
        .on_upgrade(echo)
    };
    let small = buffers.is_some();
    let listener = listener.tap_io(move |stream| {
        // Without it the kernel holds small messages back to send several as one, which is what comes with axum. Where it
        // fails, that shows in the latencies.
        let _ = stream.set_nodelay(small);
    });
    Ok(axum::serve(listener, Router::new().route("/echo", any(upgrade))).await?)
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            break;
        }
    }
}
