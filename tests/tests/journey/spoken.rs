//! A project with something of every kind, under names that are odd and good: it is built, started and spoken to.

use serde_json::{Value, json};
use tungstenite::Message;

use crate::kit::http::{Request, Response};
use crate::kit::{Project, Serve};

const NAMED: &[&str] = &[
    // What Rust, the prelude and a project have names for, and what looks like a number or a path.
    "controller Routes",
    "controller group",
    "controller reply",
    "controller prelude index show",
    "controller json",
    "controller str",
    "controller u64 create update delete",
    "controller String",
    "controller union",
    "controller auto",
    "controller raw",
    "controller macro_rules",
    "controller default new edit",
    "controller HTTPServer2",
    "controller x16/x8/x08",
    "controller a/b/c/d/e/f/g/h",
    "controller App",
    "controller tests",
    "controller async_std",
    "controller models/views",
    "controller websocket",
    "controller handler archive",
    "controller users/index index show new",
    "ws-handler Handler",
    "ws-handler socket",
    "ws-handler Frame",
    "ws-handler info",
    "ws-handler commands",
    "ws-handler String",
    "ws-handler result",
    "ws-handler path",
    "ws-handler web-socket-handler",
    "ws-handler testing/app",
    "resource item name",
    "resource Records title:string id2:int",
    "resource list",
    "resource User type2 string:string i64:int",
    "resource shop/order-line --views",
    "resource page page:int --views",
    "resource request",
    "resource i64",
    "security Request",
    "security check",
    "security option",
    "reply-handler json2",
    "reply-handler Reply",
    "reply-handler respond",
    "test main_flow",
    "test nova_test",
    "test routes",
    // What is spoken to below.
    "controller posts index new show create edit update delete publish",
    "resource article title:string pages:int --at /articles",
    "resource note body --views --at /notes",
    "ws-handler chat",
    "security bearer",
    "fallback errors",
    "reply-handler csv",
];

fn project() -> Project {
    let project = Project::new("spoken");
    for args in NAMED {
        project.nova(&format!("gen {args}")).succeeded();
    }
    // What is not wired in by itself: its owner says where.
    let home = project.read("src/controllers/home.rs");
    let (uses, rest) = home.split_once("\npub async fn index").unwrap();
    let more = "\npub async fn number(Path(text): Path<String>) -> nova::Result<Reply> {\n    \
                Ok(Reply::json(text.parse::<u8>()?))\n}\n";
    project.write(
        "src/controllers/home.rs",
        &format!(
            "{uses}\npub async fn index{}",
            rest.replacen("\n}\n", &format!("\n}}\n{more}"), 1)
        ),
    );
    project.edit(
        "src/routes.rs",
        "Routes::new().group(",
        "Routes::new()\n        \
         .group(Group::new(\"/private\").security(crate::security::bearer::check).get(\"/\", async || Reply::status(204)))\n        \
         .group(Group::new(\"/table\").get(\"/\", async || crate::replies::csv::reply(\"a,b\")))\n        \
         .group(Group::new(\"/number\").get(\"/{text}\", home::number))\n        .group(",
    );
    project
}

/// Sends a request to what is served.
struct Client<'a>(&'a Serve);

impl Client<'_> {
    #[track_caller]
    fn send(&self, request: &Request) -> Response {
        request.send(self.0.address()).unwrap()
    }

    #[track_caller]
    fn answers(&self, method: &str, path: &str, status: u16) -> Response {
        let response = self.send(&Request::new(method, path));
        assert_eq!(response.status, status, "{method} {path}: {}", response.text());
        response
    }

    #[track_caller]
    fn echoes(&self, path: &str) {
        let (mut one, mut other) = (self.0.websocket(path), self.0.websocket(path));
        one.send(Message::text("hello")).unwrap();
        for socket in [&mut one, &mut other] {
            assert_eq!(socket.read().unwrap(), Message::text("hello"), "{path}");
        }
    }
}

#[test]
fn everything_that_is_generated_answers() {
    let project = project();
    let mut serve = project.serve_with(&[("BEARER_TOKEN", "secret")]);
    assert!(!serve.heard().contains("warning"), "{}", serve.heard());
    let client = Client(&serve);

    // Every route that can be asked for without knowing more than its path.
    let table = project.nova("routes --json");
    let routes: Vec<Value> = table
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (mut pages, mut rooms) = (0, Vec::new());
    for route in &routes {
        let path = route["path"].as_str().unwrap();
        let handler = route["handler"].as_str().unwrap_or_default();
        if route["kind"] == "websocket" {
            let room = path.replace("{room}", "lobby");
            client.echoes(&room);
            rooms.push(room);
        } else if route["kind"] == "http" && route["methods"][0] == "GET" && handler.starts_with("controllers::") {
            let response = client.send(&Request::get(&path.replace("{id}", "1").replace("{text}", "1")));
            // A resource has no record yet.
            let expected: &[u16] = if path.contains("{id}") { &[200, 404] } else { &[200] };
            assert!(
                expected.contains(&response.status),
                "{path}: {} {}",
                response.status,
                response.text()
            );
            pages += 1;
        }
    }
    assert!(
        pages > 40 && rooms.len() > 10,
        "{pages} {}\n{}",
        rooms.len(),
        table.stdout
    );
    // Each of them has rooms of its own: what is said in the others does not come before what it says itself.
    let mut sockets: Vec<_> = rooms.iter().map(|room| (room, serve.websocket(room))).collect();
    for (room, socket) in &mut sockets {
        socket.send(Message::text(room.as_str())).unwrap();
    }
    for (room, socket) in &mut sockets {
        assert_eq!(socket.read().unwrap(), Message::text(room.as_str()));
    }

    the_controller_answers(&client);
    the_records_are_kept(&client);
    client.echoes("/chat/lobby");

    // Who brings no token does not get in; a kind of reply is made a response; an error becomes the fallback's reply.
    client.answers("GET", "/private", 401);
    let with = |token: &str| Request::get("/private").header("authorization", &format!("Bearer {token}"));
    assert_eq!(client.send(&with("wrong")).status, 401);
    assert_eq!(client.send(&with("secret")).status, 204);
    assert_eq!(client.answers("GET", "/table", 200).text(), "a,b");
    assert_eq!(client.answers("GET", "/number/7", 200).text(), "7");
    client.answers("GET", "/number/many", 400);
}

/// `controller posts`, with every action that has a route of its own kind.
fn the_controller_answers(client: &Client<'_>) {
    for (path, heading) in [
        ("/posts", "Posts"),
        ("/posts/new", "Posts: new"),
        ("/posts/7", "Posts: show"),
        ("/posts/7/edit", "Posts: edit"),
        ("/posts/publish", "Posts: publish"),
    ] {
        let page = client.answers("GET", path, 200);
        assert!(page.text().contains(heading), "{path}: {}", page.text());
    }
    let created = client.send(&Request::new("POST", "/posts").body("application/x-www-form-urlencoded", ""));
    assert!((200..400).contains(&created.status), "{}", created.status);
    for method in ["PUT", "DELETE"] {
        let done = client.send(&Request::new(method, "/posts/7").body("text/plain", ""));
        assert!((200..300).contains(&done.status), "{method}: {}", done.status);
    }
}

/// `resource article` by JSON, and `resource note` by forms.
fn the_records_are_kept(client: &Client<'_>) {
    let draft = |title: &str| json!({ "title": title, "pages": 7 }).to_string();
    let send =
        |method: &str, path: &str, body: &str| client.send(&Request::new(method, path).body("application/json", body));
    let created = send("POST", "/articles", &draft("one"));
    assert_eq!(created.status, 201, "{}", created.text());
    let one = created.header("location").unwrap();
    let record: Value = serde_json::from_str(client.answers("GET", one, 200).text()).unwrap();
    assert_eq!((&record["title"], &record["pages"]), (&json!("one"), &json!(7)));
    assert_eq!(send("PUT", one, &draft("another")).status, 200);
    assert!(client.answers("GET", "/articles", 200).text().contains("another"));
    assert_eq!(send("POST", "/articles", &draft("")).status, 422);
    assert_eq!(send("POST", "/articles", "{").status, 400);
    assert_eq!(send("DELETE", one, "").status, 204);
    client.answers("GET", one, 404);

    let form = |path: &str, body: &str| {
        client.send(&Request::new("POST", path).body("application/x-www-form-urlencoded", body))
    };
    let created = form("/notes", "body=%3Cb%3Emilk");
    assert_eq!(created.status, 303, "{}", created.text());
    let one = created.header("location").unwrap().to_owned();
    assert!(client.answers("GET", &one, 200).text().contains("&lt;b&gt;milk"));
    assert_eq!(form(&one, "body=bread").status, 303);
    assert!(client.answers("GET", "/notes", 200).text().contains("bread"));
    assert_eq!(form(&format!("{one}/delete"), "").status, 303);
    client.answers("GET", &one, 404);
}
