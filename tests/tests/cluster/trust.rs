//! Who may come in, what is too much, and what connections and readers see of it.

use std::collections::HashSet;

use nova::prelude::*;
use nova::{App, Cluster, PubSub, Received, Subscription, Unsent};
use nova_tests::{Journal, WebSocket};

use crate::kit::{
    Broker, Listener, PATIENCE, Sender, node, node_with, nodes, project, settle, until, until_up, with_nats,
};

async fn refused(url: &str, more: &[(&str, &str)]) -> String {
    let node = node_with("a", url, more);
    until(&node, "an error", PATIENCE, || {
        node.link().unwrap().last_error.is_some()
    })
    .await;
    let link = node.link().unwrap();
    assert!(!link.is_up && !format!("{link:?}").contains("secret"), "{link:?}");
    link.last_error.unwrap()
}

#[test]
fn a_password_opens_and_is_not_shown() {
    with_nats(|| async {
        let broker = Broker::start_with(&["--user", "me", "--pass", "s3cret@/"]);
        let open = [("USER", "me"), ("PASSWORD", "s3cret@/")];
        let node = node_with("a", &broker.url(), &open);
        until_up(&node, PATIENCE).await;
        let with_url = format!("nats://me:s3cret%40%2F@127.0.0.1:{}", broker.port());
        let node = node_with("b", &with_url, &[]);
        until_up(&node, PATIENCE).await;
        assert_eq!(node.link().unwrap().broker, Some(broker.url()));
        let wrong = [("USER", "me"), ("PASSWORD", "secret")];
        for error in [refused(&broker.url(), &wrong).await, refused(&broker.url(), &[]).await] {
            assert!(error.contains("authorization violation"), "{error}");
        }
    });
}

#[test]
fn a_token_opens() {
    with_nats(|| async {
        let broker = Broker::start_with(&["--auth", "s3cret"]);
        until_up(&node_with("a", &broker.url(), &[("TOKEN", "s3cret")]), PATIENCE).await;
        let with_url = format!("nats://s3cret@127.0.0.1:{}", broker.port());
        until_up(&node_with("b", &with_url, &[]), PATIENCE).await;
        refused(&broker.url(), &[("TOKEN", "secret")]).await;
    });
}

/// An `NKey` of nobody.
const SEED: &str = "SUAJH577WN42ODA42JFSKOCZVKBDQHDPWIY6HI4DATY7LZCOAYFTUN5P7E";
const PUBLIC: &str = "UCCJ63ZYALV7OIAMCFINSWF2BMCBDYR3LVKP52WYM2TGDDKKK6P2Q5JU";

#[test]
fn a_key_opens_and_a_file_that_is_not_there_is_named() {
    with_nats(|| async {
        let files = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = files.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.into_os_string().into_string().unwrap()
        };
        let settings = file(
            "nats.conf",
            &format!("authorization {{ users = [{{ nkey: {PUBLIC} }}] }}"),
        );
        let broker = Broker::start_with(&["--config", &settings]);
        let seed = file("seed", &format!("{SEED}\n"));
        until_up(&node_with("a", &broker.url(), &[("NKEY", &seed)]), PATIENCE).await;
        refused(&broker.url(), &[]).await;
        for key in ["NKEY", "CREDENTIALS"] {
            let error = refused(&broker.url(), &[(key, "nowhere")]).await;
            assert!(error.contains("nowhere"), "{error}");
        }
    });
}

#[test]
fn tls_proves_both_sides() {
    with_nats(|| async {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/tls");
        let file = |name: &str| format!("{directory}/{name}.pem");
        let broker = Broker::start_with(&[
            "--tlsverify",
            "--tlscert",
            &file("server"),
            "--tlskey",
            &file("server-key"),
            "--tlscacert",
            &file("ca"),
        ]);
        let url = format!("tls://localhost:{}", broker.port());
        let [ca, certificate, key] = ["ca", "client", "client-key"].map(file);
        let mine = [("TLS_CA", &*ca), ("TLS_CERT", &*certificate), ("TLS_KEY", &*key)];
        until_up(&node_with("a", &url, &mine), PATIENCE).await;
        // The broker asks for it also where the address does not.
        let plain = format!("nats://localhost:{}", broker.port());
        until_up(&node_with("b", &plain, &mine), PATIENCE).await;
        refused(&url, &mine[..1]).await;
        let error = refused(&url, &mine[1..]).await;
        assert!(error.contains("certificate"), "{error}");
        let error = refused(&url, &[("TLS_CA", "nowhere.pem")]).await;
        assert!(error.contains("TLS"), "{error}");
    });
}

#[test]
fn a_wrong_setting_is_an_error_at_the_start() {
    let error = |more: &[(&str, &str)]| {
        let config = project("a", "nats://127.0.0.1:1", more).config().unwrap();
        PubSub::connect(&config).unwrap_err().to_string()
    };
    assert_eq!(
        error(&[("QUEUE_BYTES", "many")]),
        "NOVA_PUBSUB_QUEUE_BYTES: pubsub.queue_bytes: invalid type: string \"many\", expected usize"
    );
    let file = nova_tests::Project::new().file("nova.toml", "\n[pubsub]\nadapter = \"nats\"\nuser = \"me\"\n");
    let error = PubSub::connect(&file.config().unwrap()).unwrap_err().to_string();
    assert_eq!(error, "nova.toml:2: pubsub: `user` needs `password`");
}

#[test]
fn what_is_too_large_for_the_broker_is_refused_and_harms_nothing() {
    with_nats(|| async {
        let broker = Broker::start();
        let nodes = nodes([&broker.url(), &broker.url()]).await;
        let listener = Listener::new(&nodes[1], "c");
        settle(&nodes).await;
        for size in [1024 * 1024, 1024 * 1024 * 2] {
            let outcome = nodes[0].broadcast("c", "e", vec![0; size]);
            assert_eq!(outcome.cluster, Cluster::NotSent(Unsent::TooLarge));
        }
        assert_eq!(nodes[0].broadcast("c", "e", "0").cluster, Cluster::Queued);
        let count = listener.accounts_for(&nodes[1], 3).await;
        assert_eq!((count.received, count.missed, count.gaps), (1, 2, 1));
        let link = nodes[0].link().unwrap();
        assert_eq!((link.refused_too_large, link.connections), (2, 1));
    });
}

#[test]
fn strangers_on_the_same_subjects_are_counted_and_passed_over() {
    with_nats(|| async {
        let broker = Broker::start();
        let nodes = nodes([&broker.url(), &broker.url()]).await;
        let mut member = nodes[0].subscribe("c");
        settle(&nodes).await;
        let mut stranger = std::net::TcpStream::connect(("127.0.0.1", broker.port())).unwrap();
        let lines = "CONNECT {\"verbose\":false}\r\nPUB nova.channel.nc 5\r\nhello\r\nPUB nova.nodes 3\r\n{]}\r\n\
                     PUB nova.channel.nc 0\r\n\r\nPING\r\n";
        std::io::Write::write_all(&mut stranger, lines.as_bytes()).unwrap();
        until(&nodes[0], "puzzled", PATIENCE, || {
            nodes[0].link().unwrap().unreadable == 2
        })
        .await;
        nodes[1].broadcast("c", "e", "p");
        assert!(matches!(member.recv().await, Received::Message(message) if message.payload.as_text() == Some("p")));
        assert!(nodes[0].link().unwrap().is_up);
    });
}

#[test]
fn many_members_are_listed_and_too_many_are_not() {
    with_nats(|| async {
        let broker = Broker::start();
        let nodes = nodes([&broker.url(), &broker.url()]).await;
        let mut members: Vec<_> = (0..2_500).map(|_| nodes[1].subscribe("c")).collect();
        settle(&nodes).await;
        let listed = nodes[0].members("c", PATIENCE).await;
        let ids: HashSet<_> = listed.ids.into_iter().collect();
        assert_eq!(
            (ids, listed.unanswered),
            (members.iter().map(Subscription::id).collect(), vec![])
        );
        members.extend((0..7_501).map(|_| nodes[1].subscribe("c")));
        settle(&nodes).await;
        let listed = nodes[0].members("c", PATIENCE).await;
        assert_eq!((listed.ids.len(), listed.unanswered), (0, vec!["node-2".to_owned()]));
        assert_eq!(nodes[0].member_count("c"), 10_001);
    });
}

#[test]
fn a_prefix_keeps_clusters_apart() {
    with_nats(|| async {
        let broker = Broker::start();
        let [one, other] = ["one", "the.other"].map(|prefix| node_with("a", &broker.url(), &[("PREFIX", prefix)]));
        let mut member = other.subscribe("c");
        until_up(&one, PATIENCE).await;
        settle(std::slice::from_ref(&other)).await;
        one.broadcast("c", "e", "p");
        let third = node_with("b", &broker.url(), &[("PREFIX", "the.other")]);
        settle(&[other.clone(), third.clone()]).await;
        third.broadcast("c", "e", "q");
        assert!(matches!(member.recv().await, Received::Message(message) if message.payload.as_text() == Some("q")));
        assert_eq!(one.link().unwrap().nodes, Vec::<String>::new());
    });
}

#[test]
fn a_member_that_stops_reading_harms_nobody_else() {
    with_nats(|| async {
        let broker = Broker::start();
        let nodes = nodes([&broker.url(), &broker.url()]).await;
        let mut stuck = nodes[1].subscribe("c");
        let listener = Listener::new(&nodes[1], "c");
        settle(&nodes).await;
        let sender = Sender::start(&nodes[0], "c");
        sender.send_more(1500).await;
        let sent = sender.stop().await;
        assert_eq!(listener.accounts_for(&nodes[1], sent.sent).await.missed, 0);
        let Received::Missed(missed) = stuck.recv().await else {
            panic!("nothing was missed");
        };
        let rest = std::iter::from_fn(|| stuck.try_recv()).count();
        assert_eq!((rest, missed), (1024, sent.sent - 1024));
        assert_eq!(nodes[1].link().unwrap().gaps, 0, "that is no gap between nodes");
    });
}

/// Says who it is, and passes on what comes.
struct Member(Journal);

impl Member {
    async fn init(socket: Socket, State(journal): State<Journal>) -> Self {
        socket.join("c");
        socket.report_gaps();
        Self(journal)
    }
}

impl WebSocketHandler for Member {
    async fn handle(&mut self, frame: Frame, socket: &Socket) -> Commands {
        if let Frame::Text(text) = frame {
            let outcome = socket.broadcast_from("c", "e", text);
            self.0.note(format!("{:?}", outcome.cluster));
        }
        Commands::none()
    }

    async fn info(&mut self, info: Info, _socket: &Socket) -> Commands {
        match info {
            Info::Broadcast(message) => Commands::send(message.payload),
            Info::Gap(gap) => Commands::send(format!("gap of {:?}", gap.count)),
            _ => Commands::none(),
        }
    }
}

#[test]
fn connections_of_two_applications_share_a_channel_and_learn_of_gaps() {
    with_nats(|| async {
        let broker = Broker::start();
        let journal = Journal::new();
        let serve = |name: &str| {
            let state = journal.clone();
            project(name, &broker.url(), &[]).serve(move || {
                let routes = || Routes::new().group(Group::new("/").ws("/", Member::init));
                App::new(routes).state(state)
            })
        };
        let servers = ["a", "b"].map(serve);
        let third = node("c", &broker.url());
        let mut sockets = servers.each_ref().map(|server| WebSocket::open(server, "/"));
        until(&third, "joined", PATIENCE, || third.member_count("c") == 2).await;
        until(&third, "settled", PATIENCE, || {
            third.link().unwrap().nodes == ["a", "b"]
        })
        .await;
        sockets[0].text("hello");
        assert_eq!(sockets[1].receive_text(), "hello");
        assert_eq!(journal.next(), "Queued");
        third.broadcast("c", "e", vec![0; 2 * 1024 * 1024]);
        third.broadcast("c", "e", "after");
        for socket in &mut sockets {
            assert_eq!(
                [socket.receive_text(), socket.receive_text()],
                ["gap of Some(1)", "after"]
            );
        }
        // What an application has sent in its last moments leaves it.
        drop(sockets);
        drop(servers);
        until(&third, "alone", PATIENCE, || third.member_count("c") == 0).await;
        tokio::time::timeout(PATIENCE, third.close()).await.unwrap();
        assert!(!third.link().unwrap().is_up);
    });
}
