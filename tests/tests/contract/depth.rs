//! Flow control from one connection to another: by the depth of a queue.

use std::sync::mpsc::channel;
use std::time::Duration;

use nova::prelude::*;
use nova_tests::server::serve_with;
use nova_tests::websocket::BINARY;
use nova_tests::{Journal, PATIENCE, Received, WebSocket};

/// A frame of the producer's, on its way to the consumer.
type Parcel = Frame;

/// How many parcels may wait for the consumer before its producer is held up.
const DEPTH: usize = 8;
/// As many more as one read may have brought by then.
const ONE_READ: usize = 128 * 1024 / PARCEL + 1;
const PARCEL: usize = 16_000;
const PARCELS: u8 = 250;

/// Where the consumer's handle is left for the producer.
type Meeting = std::sync::Arc<std::sync::Mutex<Option<Socket<Parcel>>>>;

struct Consumer;

impl Consumer {
    async fn init(socket: Socket<Parcel>, State((meeting, _)): State<(Meeting, Journal)>) -> Self {
        *meeting.lock().unwrap() = Some(socket);
        Self
    }
}

impl WebSocketHandler<Parcel> for Consumer {
    async fn handle(&mut self, _frame: Frame, _socket: &Socket<Parcel>) -> Commands {
        Commands::none()
    }

    async fn info(&mut self, info: Info<Parcel>, _socket: &Socket<Parcel>) -> Commands {
        match info {
            Info::Message(parcel) => Commands::send(parcel),
            _ => Commands::none(),
        }
    }
}

struct Producer {
    consumer: Socket<Parcel>,
    journal: Journal,
}

/// The producer looks whether it may go on.
#[derive(Clone, Copy)]
struct Look;

impl Producer {
    async fn init(State((meeting, journal)): State<(Meeting, Journal)>) -> Self {
        let consumer = meeting.lock().unwrap().clone().unwrap();
        Self { consumer, journal }
    }
}

impl WebSocketHandler<Look> for Producer {
    async fn handle(&mut self, frame: Frame, socket: &Socket<Look>) -> Commands {
        let before = self.consumer.queue_len();
        assert!(self.consumer.send_info(frame).is_ok(), "the queue is full");
        if before + 1 == DEPTH {
            self.journal.note("held up");
            socket.send_info_after(Duration::from_millis(1), Look);
            return Commands::pause();
        }
        assert!(before < DEPTH + ONE_READ, "{before} wait");
        Commands::none()
    }

    async fn info(&mut self, _look: Info<Look>, socket: &Socket<Look>) -> Commands {
        if self.consumer.queue_len() == 0 {
            return Commands::resume();
        }
        socket.send_info_after(Duration::from_millis(1), Look);
        Commands::none()
    }
}

#[test]
fn a_handler_holds_up_its_client_by_the_depth_of_anothers_queue() {
    let journal = Journal::new();
    let server = serve_with(&(Meeting::default(), journal.clone()), || {
        let group = Group::new("/").ws("/consumer", Consumer::init);
        Routes::new().group(group.ws("/producer", Producer::init))
    });
    let mut consumer = WebSocket::open(&server, "/consumer");
    let mut producer = WebSocket::open(&server, "/producer");
    let parcel = |number| vec![number; PARCEL];
    let (sent, all_sent) = channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (0..PARCELS).for_each(|number| producer.send(BINARY, parcel(number)));
            sent.send(()).unwrap();
        });
        // Nobody reads until the producer is held up.
        assert_eq!(journal.next(), "held up");
        for number in 0..PARCELS {
            assert_eq!(consumer.receive(), Received::Binary(parcel(number)));
        }
        all_sent.recv_timeout(PATIENCE).unwrap();
    });
}
