//! What one connection may hold, in the process and in the kernel.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nova::prelude::*;
use nova::{Accept, App, Overflow};
use nova_tests::kernel::queues;
use nova_tests::server::serve_with;
use nova_tests::websocket::{BINARY, frame};
use nova_tests::{Gate, PATIENCE, Project, Server, WebSocket};

/// What a client that does not read may cost, with all that the server's side of the connection holds for it.
const STALLED: usize = 512_000;
/// What the kernel may hold of it: the default of `websocket.send_buffer`, twice, and one write more.
const IN_THE_KERNEL: usize = 2 * 65_536 + 65_536;
/// The most that a frame has beside these payloads.
const HEADER: usize = 4;
/// As much of what a client sends: the default of `websocket.receive_buffer`, twice.
const FROM_A_CLIENT: usize = 2 * 262_144;

/// Passes on what is broadcast, of which it drops what it has no room for.
struct Feed;

impl Feed {
    async fn init(socket: Socket) -> Accept<Self> {
        socket.join("feed");
        Accept::new(Self).overflow(Overflow::DropNewest)
    }

    async fn narrow(socket: Socket) -> Accept<Self> {
        socket.join("feed");
        Accept::new(Self).max_queue_size(1000)
    }
}

impl WebSocketHandler for Feed {
    async fn handle(&mut self, _frame: Frame, socket: &Socket) -> Commands {
        Commands::send(format!("{} {}", socket.queue_len(), socket.queue_bytes()))
    }

    async fn info(&mut self, info: Info, _socket: &Socket) -> Commands {
        match info {
            Info::Broadcast(message) => Commands::send(message.payload),
            _ => Commands::none(),
        }
    }
}

/// Publishes messages of this size, and says how many the members took.
async fn publish(pubsub: PubSub, Path((count, size)): Path<(usize, usize)>) -> String {
    let payload = "x".repeat(size);
    let taken = (0..count).map(|_| pubsub.broadcast("feed", "event", payload.as_str()).local);
    taken.sum::<usize>().to_string()
}

fn feed() -> Routes {
    let group = Group::new("/").ws("/feed", Feed::init).ws("/narrow", Feed::narrow);
    Routes::new().group(group.post("/publish/{count}/{size}", publish))
}

fn published(server: &Server, count: usize, size: usize) -> usize {
    let response = server.request("POST", &format!("/publish/{count}/{size}"), &[], "");
    response.text().parse().unwrap()
}

/// Publishes to a client that does not read, until nothing more is taken and so much is held for it in all and in the
/// kernel. Gives what is.
fn stalls(toml: &str, size: usize, least: (usize, usize)) -> (usize, usize) {
    let server = Project::new().file("nova.toml", toml).serve(|| App::new(feed));
    let client = WebSocket::open(&server, "/feed");
    let deadline = Instant::now() + PATIENCE;
    let (mut taken, mut refused) = (0, 0);
    loop {
        let more = published(&server, 50, size);
        taken += more * (size + HEADER);
        refused = if more == 0 { refused + 1 } else { 0 };
        assert!(taken < 20_000_000, "there is no end to it");
        let read = queues(client.address(), server.address()).receive;
        let held = taken.saturating_sub(read);
        let in_the_kernel = queues(server.address(), client.address()).send;
        // Its connection may not have come to write yet.
        if refused >= 10 && held >= least.0 && in_the_kernel >= least.1 {
            return (held, in_the_kernel);
        }
        assert!(
            Instant::now() < deadline,
            "{held} bytes, {in_the_kernel} of them in the kernel"
        );
    }
}

#[test]
fn a_client_that_does_not_read_holds_half_a_megabyte_with_what_is_in_the_kernel() {
    for size in [100, 1_000, 8_000, 16_000] {
        let (held, in_the_kernel) = stalls("", size, (100_000, 50_000));
        assert!(held <= STALLED, "{held} bytes in messages of {size}");
        let most = IN_THE_KERNEL;
        assert!(in_the_kernel <= most, "{in_the_kernel} bytes in messages of {size}");
    }
}

#[test]
fn what_is_held_for_a_client_is_configured() {
    let toml = "[websocket]\nmax_queue_size = 2_000_000\nsend_buffer = 1_000_000\n";
    let least = (4 * STALLED, 2 * IN_THE_KERNEL);
    assert!(stalls(toml, 16_000, least) > least);
}

#[test]
fn a_message_that_is_larger_than_the_queue_reaches_an_idle_client() {
    let server = serve_with(&(), feed);
    let mut client = WebSocket::open(&server, "/narrow");
    for _ in 0..3 {
        assert_eq!(published(&server, 1, 500_000), 1);
        assert_eq!(client.receive_text().len(), 500_000);
    }
}

/// Takes what comes, until it is told to wait.
struct Taker(Gate);

impl WebSocketHandler for Taker {
    async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
        if frame == Frame::text("wait") {
            self.0.pass().await;
        }
        Commands::none()
    }
}

#[test]
fn a_client_whose_handler_waits_is_held_up_before_the_kernel_has_taken_a_megabyte() {
    let gate = Gate::new();
    let server = serve_with(&gate, || {
        let init = async |State(gate): State<Gate>| Taker(gate);
        Routes::new().group(Group::new("/").ws("/", init))
    });
    let mut client = WebSocket::open(&server, "/");
    let (own, other) = (client.address(), server.address());
    // A connection that has carried much is one for which the kernel would have made room.
    let flood = frame(BINARY, vec![0; 500_000]);
    for _ in 0..40 {
        client.send_bytes(&flood);
    }
    client.text("wait");
    std::thread::scope(|scope| {
        scope.spawn(|| (0..40).for_each(|_| client.send_bytes(&flood)));
        await_backlog(own, other);
        let taken = queues(other, own).receive;
        assert!(taken <= FROM_A_CLIENT, "{taken} bytes");
        gate.open();
    });
}

/// Waits until a client has written what the other end does not take.
fn await_backlog(client: SocketAddr, server: SocketAddr) {
    let deadline = Instant::now() + PATIENCE;
    while queues(client, server).send < 1_000_000 {
        assert!(Instant::now() < deadline, "nothing is held up");
        std::thread::sleep(Duration::from_millis(1));
    }
}
