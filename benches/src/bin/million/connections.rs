//! Connections in memory: all that a WebSocket connection is on Nova's side but its socket, with a client at its other end.

#![allow(clippy::unused_async, reason = "an `init` is async, whatever it does")]

use std::time::{Duration, Instant};

use nova::prelude::*;
use nova::{Accept, testing};
use nova_benches::{Result, process};

const CHANNEL: &str = "all";
const PAYLOAD: &str = "hello";
/// No run takes so long: a silent connection is not closed in one.
const IDLE_TIMEOUT: Duration = Duration::from_hours(1);

/// As a generated handler is: in a channel, whose messages it sends on.
struct Subscriber;

impl Subscriber {
    async fn init(socket: Socket) -> Accept<Self> {
        socket.join(CHANNEL);
        Accept::new(Self).idle_timeout(IDLE_TIMEOUT)
    }
}

impl WebSocketHandler for Subscriber {
    async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
        Commands::none()
    }

    async fn info(&mut self, info: Info, _socket: &Socket) -> Commands {
        match info {
            Info::Broadcast(message) => Commands::send(message.payload),
            _ => Commands::none(),
        }
    }
}

fn routes() -> Routes {
    Routes::new().group(Group::new("/").ws("/sub", Subscriber::init))
}

pub(crate) fn run(count: usize, silence: Duration) -> Result<()> {
    println!("{count} connections, in one channel");
    testing::run(hold(count, silence))
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
async fn hold(count: usize, silence: Duration) -> Result<()> {
    let app = testing::app(routes);
    let mut clients = Vec::with_capacity(count + 1);
    // What the first connection makes the application allocate for all.
    clients.push(app.websocket("/sub").await);
    let before = process::memory_of("self")?;
    let cpu = process::cpu_time_of("self")?;
    for _ in 0..count {
        clients.push(app.websocket("/sub").await);
    }
    let used = process::cpu_time_of("self")?.saturating_sub(cpu);
    let each = (process::memory_of("self")?.saturating_sub(before)) / count as u64;
    println!("bytes for each, with both ends: {each}");
    println!(
        "opened in a second on a core:   {:.0}",
        count as f64 / used.as_secs_f64()
    );

    let cpu = process::cpu_time_of("self")?;
    let reached = app.pubsub().broadcast(CHANNEL, "event", PAYLOAD).local;
    let told = process::cpu_time_of("self")?.saturating_sub(cpu);
    if reached != clients.len() {
        return Err(format!(
            "a broadcast is in the mailboxes of {reached} of {} connections",
            clients.len()
        )
        .into());
    }
    for client in &mut clients {
        if client.receive_text().await != PAYLOAD {
            return Err("a client has received another message than was sent".into());
        }
    }
    let used = process::cpu_time_of("self")?.saturating_sub(cpu);
    println!("a broadcast, on a core:         {told:.1?} to all mailboxes, {used:.1?} to all clients");
    for client in &mut clients {
        client.ping("");
        if !matches!(client.receive().await, Frame::Pong(_)) {
            return Err("a ping was not answered".into());
        }
    }
    println!("answered a ping:                {}", clients.len());

    let begin = Instant::now();
    let cpu = process::cpu_time_of("self")?;
    tokio::time::sleep(silence).await;
    let used = process::cpu_time_of("self")?.saturating_sub(cpu);
    let share = used.as_secs_f64() / begin.elapsed().as_secs_f64() * 100.0;
    println!("silent for {silence:?}, of a core:     {share:.2} %");
    Ok(())
}
