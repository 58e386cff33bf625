//! Who a client is: the peer, or whom a proxy names that the settings trust.

use nova::middleware::RateLimit;
use nova::prelude::*;
use nova::{App, Client};
use nova_tests::{Project, Server, WebSocket};

struct Greeter(String);

impl Greeter {
    async fn init(client: Client) -> Self {
        Self(client.address.to_string())
    }
}

impl WebSocketHandler for Greeter {
    async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
        Commands::send(self.0.as_str())
    }
}

async fn who(client: Client) -> String {
    format!("{} {}", client.address, client.is_secure)
}

fn server(trusted: &str) -> Server {
    let routes = || {
        Routes::new()
            .group(Group::new("/").get("/", who).ws("/ws", Greeter::init))
            .group(
                Group::new("/limited")
                    .layer(RateLimit::per_hour(1))
                    .get("/", async || "here"),
            )
    };
    let project = match trusted {
        "" => Project::new(),
        _ => Project::new().variable("NOVA_SERVER_TRUSTED_PROXIES", trusted),
    };
    project.serve(move || App::new(routes))
}

const FORWARDED: [(&str, &str); 3] = [
    ("x-forwarded-for", "198.51.100.1, 203.0.113.7"),
    ("x-forwarded-proto", "https"),
    ("forwarded", "for=198.51.100.2;proto=https"),
];

#[test]
fn by_default_no_header_is_believed() {
    let server = server("");
    assert_eq!(server.get("/").text(), "127.0.0.1 false");
    assert_eq!(server.request("GET", "/", &FORWARDED, "").text(), "127.0.0.1 false");
    // Nor one of somebody else than the proxy.
    let server = self::server("10.0.0.0/8,::1");
    assert_eq!(server.request("GET", "/", &FORWARDED, "").text(), "127.0.0.1 false");
}

#[test]
fn a_trusted_proxy_names_the_client_and_nobody_before_it() {
    let server = server("10.0.0.0/8,127.0.0.1");
    assert_eq!(server.get("/").text(), "127.0.0.1 false");
    assert_eq!(server.request("GET", "/", &FORWARDED, "").text(), "203.0.113.7 true");
    let mut socket = WebSocket::upgraded(server.connect(), "/ws", &FORWARDED[..1], []);
    socket.text("who?");
    assert_eq!(socket.receive_text(), "203.0.113.7");
}

#[test]
fn a_limit_is_for_each_client_of_a_trusted_proxy() {
    let status = |server: &Server, forwarded: &str| {
        let headers = [("x-forwarded-for", forwarded)];
        server.request("GET", "/limited", &headers, "").status
    };
    let trusting = server("127.0.0.1");
    assert_eq!(status(&trusting, "203.0.113.7"), 200);
    assert_eq!(status(&trusting, "203.0.113.8"), 200);
    // What the client has put before its own address is another client's to nobody.
    assert_eq!(status(&trusting, "198.51.100.1, 203.0.113.7"), 429);
    // Who trusts nobody has one client.
    let wary = server("");
    assert_eq!(status(&wary, "203.0.113.7"), 200);
    assert_eq!(status(&wary, "203.0.113.8"), 429);
}

#[test]
fn a_list_that_is_wrong_is_an_error_at_start() {
    let refusal = |trusted| {
        let project = Project::new().variable("NOVA_SERVER_TRUSTED_PROXIES", trusted);
        project.refusal(|| App::new(Routes::<()>::new))
    };
    let said = refusal("10.0.0.0/8,proxy");
    assert!(
        said.contains("server.trusted_proxies") && said.contains("\"proxy\" is no address"),
        "{said}"
    );
    let said = refusal("0.0.0.0/0");
    assert!(said.contains("is everybody"), "{said}");
}
