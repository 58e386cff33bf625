//! Pub/sub within one process: memberships, who receives what, and in which order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nova::prelude::*;
use nova::testing;
use nova::{Cluster, Payload, Received as News};
use nova_tests::server::serve;
use nova_tests::websocket::CLOSE;
use nova_tests::{PATIENCE, Received, Server, WebSocket};
use serde::{Serialize, Serializer};

/// Does with its channel what a text tells it, and passes on what is broadcast.
struct Member(String);

impl Member {
    async fn init(socket: Socket, Path(channel): Path<String>) -> Self {
        socket.join(&channel);
        Self(channel)
    }
}

impl WebSocketHandler for Member {
    async fn handle(&mut self, frame: Frame, socket: &Socket) -> Commands {
        let Frame::Text(text) = frame else {
            return Commands::none();
        };
        let channel = &self.0;
        match text.split_once(' ').unwrap_or((&text, "")) {
            ("all", text) => drop(socket.broadcast(channel, "event", text)),
            ("others", text) => drop(socket.broadcast_from(channel, "event", text)),
            ("local", text) => drop(socket.local_broadcast(channel, "event", text)),
            ("local others", text) => drop(socket.local_broadcast_from(channel, "event", text)),
            ("join", channel) => return Commands::send(socket.join(channel).to_string()),
            ("leave", channel) => return Commands::send(socket.leave(channel).to_string()),
            ("id", _) => return Commands::send(socket.id().to_string()),
            _ => {}
        }
        Commands::none()
    }

    async fn info(&mut self, info: Info, _socket: &Socket) -> Commands {
        match info {
            Info::Broadcast(message) => Commands::send(message.payload),
            _ => Commands::none(),
        }
    }
}

async fn members(pubsub: PubSub, Path(channel): Path<String>) -> Reply {
    let members = pubsub.members(&channel, PATIENCE).await;
    let ids: Vec<_> = members.ids.iter().map(ToString::to_string).collect();
    Reply::json(ids)
}

async fn announce(pubsub: PubSub, Path(channel): Path<String>, text: String) -> String {
    pubsub.broadcast(channel, "announcement", text).local.to_string()
}

fn server() -> Server {
    serve(|| {
        let group = Group::new("/").ws("/join/{channel}", Member::init);
        Routes::new().group(
            group
                .get("/members/{channel}", members)
                .post("/announce/{channel}", announce),
        )
    })
}

fn ids(server: &Server, channel: &str) -> Vec<String> {
    server.get(&format!("/members/{channel}")).json()
}

/// What a member says its id is, and proof that it has joined.
fn id(member: &mut WebSocket) -> String {
    member.text("id");
    member.receive_text()
}

#[test]
fn a_broadcast_reaches_every_member_and_the_sender() {
    let server = server();
    let mut members = ["a", "a", "b"].map(|channel| WebSocket::open(&server, &format!("/join/{channel}")));
    members[0].text("all hello");
    assert_eq!(
        [members[0].receive_text(), members[1].receive_text()],
        ["hello", "hello"]
    );
    members[2].text("local there");
    assert_eq!(members[2].receive_text(), "there", "and no other channel");
}

#[test]
fn broadcast_from_leaves_the_sender_out() {
    let server = server();
    let mut members = [(); 2].map(|()| WebSocket::open(&server, "/join/a"));
    members[0].text("others one");
    members[0].text("all two");
    assert_eq!(members[0].receive_text(), "two");
    assert_eq!([members[1].receive_text(), members[1].receive_text()], ["one", "two"]);
}

#[test]
fn members_are_the_subscribers_ids_and_none_for_an_unknown_channel() {
    let server = server();
    assert!(ids(&server, "a").is_empty());
    let mut members = [(); 2].map(|()| WebSocket::open(&server, "/join/a"));
    let mut expected: Vec<_> = members.iter_mut().map(id).collect();
    let mut listed = ids(&server, "a");
    expected.sort();
    listed.sort();
    assert_eq!(listed, expected);
    assert!(ids(&server, "b").is_empty());
}

#[test]
fn joining_twice_is_one_membership() {
    let server = server();
    let mut member = WebSocket::open(&server, "/join/a");
    member.text("join a");
    assert_eq!(member.receive_text(), "false");
    member.text("all once");
    member.text("all twice");
    assert_eq!([member.receive_text(), member.receive_text()], ["once", "twice"]);
    assert_eq!(ids(&server, "a").len(), 1);
}

#[test]
fn leave_says_whether_it_was_a_member() {
    let server = server();
    let mut member = WebSocket::open(&server, "/join/a");
    for (text, said) in [
        ("leave a", "true"),
        ("leave a", "false"),
        ("leave unknown", "false"),
        ("join a", "true"),
    ] {
        member.text(text);
        assert_eq!(member.receive_text(), said, "{text}");
    }
}

#[test]
fn memberships_end_with_the_connection() {
    let server = server();
    let mut remains = WebSocket::open(&server, "/join/a");
    let mut closes = WebSocket::open(&server, "/join/a");
    id(&mut remains);
    id(&mut closes);
    closes.send(CLOSE, "");
    assert_eq!(closes.rest(), [Received::Close(None, String::new())]);
    assert_eq!(ids(&server, "a"), [id(&mut remains)]);
}

#[test]
fn a_member_is_gone_before_terminate_is_told() {
    struct Last;
    impl WebSocketHandler for Last {
        async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
            Commands::stop()
        }
        async fn terminate(self, _reason: Reason, socket: &Socket) {
            let outcome = socket.broadcast("a", "left", socket.pubsub().member_count("a").to_string());
            assert_eq!(outcome.local, 1);
            assert!(!socket.join("a"), "nothing is joined after the end");
        }
    }
    async fn init(socket: Socket) -> Last {
        socket.join("a");
        Last
    }
    let server = serve(|| Routes::new().group(Group::new("/").ws("/last", init).ws("/join/{channel}", Member::init)));
    let mut witness = WebSocket::open(&server, "/join/a");
    id(&mut witness);
    let mut last = WebSocket::open(&server, "/last");
    last.text("end");
    assert_eq!(witness.receive_text(), "1");
}

#[test]
fn a_controller_can_broadcast() {
    let server = server();
    let mut member = WebSocket::open(&server, "/join/a");
    id(&mut member);
    assert_eq!(server.request("POST", "/announce/a", &[], "news").text(), "1");
    assert_eq!(member.receive_text(), "news");
    assert_eq!(server.request("POST", "/announce/nobody", &[], "news").text(), "0");
}

#[test]
fn one_senders_messages_arrive_in_order() {
    let server = server();
    let mut sender = WebSocket::open(&server, "/join/a");
    let mut receiver = WebSocket::open(&server, "/join/a");
    id(&mut receiver);
    for number in 0..500 {
        sender.text(&format!("others {number}"));
    }
    for number in 0..500 {
        assert_eq!(receiver.receive_text(), number.to_string());
    }
}

#[test]
fn any_task_can_subscribe_and_its_membership_ends_with_it() {
    testing::run(async {
        let pubsub = PubSub::new();
        let mut news = pubsub.subscribe("a");
        news.join("b");
        let task = tokio::spawn(async move { [news.recv().await, news.recv().await] });
        assert_eq!(pubsub.broadcast("a", "one", "1").local, 1);
        let outcome = pubsub.local_broadcast("b", "two", "2");
        assert_eq!((outcome.local, outcome.cluster), (1, Cluster::Local));
        let received = task.await.unwrap().map(|news| match news {
            News::Message(message) => format!("{} {} {:?}", message.channel, message.event, message.payload.as_text()),
            other => format!("{other:?}"),
        });
        assert_eq!(received, [r#"a one Some("1")"#, r#"b two Some("2")"#]);
        assert!(pubsub.local_members("a").is_empty() && pubsub.local_members("b").is_empty());
        assert_eq!(pubsub.members("a", PATIENCE).await, nova::Members::default());
    });
}

#[test]
fn a_message_carries_channel_sender_event_and_payload() {
    testing::run(async {
        let (socket, mut mailbox) = testing::socket();
        socket.join("room");
        socket.broadcast("room", "said", json!({ "a": 1 }));
        socket.pubsub().broadcast("room", "said", vec![1_u8, 2]);
        let Some(Info::Broadcast(first)) = mailbox.next().await else {
            panic!("no message")
        };
        assert_eq!((&*first.channel, &*first.event), ("room", "said"));
        assert_eq!(first.sender, Some(socket.id()));
        assert_eq!(first.payload, Payload::json(&json!({ "a": 1 })).unwrap());
        let Some(Info::Broadcast(second)) = mailbox.next().await else {
            panic!("no message")
        };
        assert_eq!(
            (second.sender, Frame::from(second.payload)),
            (None, Frame::binary(vec![1, 2]))
        );
    });
}

#[test]
fn a_payload_is_encoded_once_however_many_members() {
    struct Counted(Arc<AtomicUsize>);
    impl Serialize for Counted {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.fetch_add(1, Ordering::Relaxed);
            serializer.serialize_str("counted")
        }
    }
    testing::run(async {
        let pubsub = PubSub::new();
        let mut members = [(); 10].map(|()| pubsub.subscribe("a"));
        let count = Arc::new(AtomicUsize::new(0));
        pubsub.broadcast("a", "e", Payload::json(&Counted(Arc::clone(&count))).unwrap());
        for member in &mut members {
            assert!(
                matches!(member.recv().await, News::Message(message) if message.payload.as_text() == Some("\"counted\""))
            );
        }
        assert_eq!(count.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn two_applications_in_one_process_share_no_channel() {
    let servers = [server(), server()];
    let mut member = WebSocket::open(&servers[0], "/join/a");
    id(&mut member);
    assert!(ids(&servers[1], "a").is_empty());
}
