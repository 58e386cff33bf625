//! What a developer is served, over sockets; with the supervisor's lines, which nothing but the line can bring here.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::Feed;
use crate::lifecycle::Lifecycle;
use crate::prelude::*;
use crate::{App, Config};

const PATIENCE: Duration = Duration::from_secs(10);

/// An application in `dev` with a style sheet and a view.
struct Served {
    address: SocketAddr,
    feed: Feed,
    lifecycle: Lifecycle,
    serving: tokio::task::JoinHandle<()>,
    root: tempfile::TempDir,
    reports: Arc<Mutex<Vec<Value>>>,
}

impl Served {
    async fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        for (file, text) in [
            ("views/page.hbs", "<!doctype html><body>one</body>"),
            ("assets/css/app.css", "p {}"),
        ] {
            write(root.path(), file, text);
        }
        let routes = || {
            Routes::new().group(
                Group::new("/")
                    .get("/page", async || Reply::view_named("page", json!({})))
                    .assets("/static", "assets"),
            )
        };
        let config = Config::read(root.path(), Environment::DEV, []).unwrap();
        let assembled = App::new(routes).config(config).assemble().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (feed, lifecycle) = (assembled.feed.clone().unwrap(), assembled.lifecycle.clone());
        let reports = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&reports);
        feed.report_to(move |line| told.lock().unwrap().push(line));
        let serving = tokio::spawn(async move { assembled.serve(listener).await.end().await });
        Self {
            address,
            feed,
            lifecycle,
            serving,
            root,
            reports,
        }
    }

    fn tell(&self, line: &Value) {
        self.feed.tell(&line.to_string());
    }

    async fn events(&self) -> Events {
        Events::open(self.address).await
    }

    /// What a page says.
    async fn page(&self) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = "GET /page HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut text))
            .await
            .unwrap()
            .unwrap();
        text
    }
}

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A stream of events, as a page has it.
struct Events {
    stream: TcpStream,
    text: String,
}

impl Events {
    async fn open(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = "GET /__nova/events HTTP/1.1\r\nhost: localhost\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        Self {
            stream,
            text: String::new(),
        }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            let found = self.text.find("event: ").and_then(|start| {
                let length = self.text[start..].find("\n\n")?;
                let event = self.text[start..start + length].to_owned();
                self.text.drain(..start + length);
                Some(event)
            });
            if let Some(event) = found {
                let (name, data) = event.split_once("\ndata: ").unwrap();
                let name = name.strip_prefix("event: ").unwrap().to_owned();
                return Some((name, serde_json::from_str(data).unwrap()));
            }
            let mut buffer = [0; 4096];
            let read = timeout(PATIENCE, self.stream.read(&mut buffer))
                .await
                .expect("an event in time");
            match read.unwrap() {
                0 => return None,
                read => self.text.push_str(std::str::from_utf8(&buffer[..read]).unwrap()),
            }
        }
    }

    async fn expect(&mut self, name: &str) -> Value {
        let (found, data) = self.next().await.expect("an event");
        assert_eq!(found, name, "{data}");
        data
    }
}

fn run(test: impl Future<Output = ()>) {
    crate::testing::run(test);
}

#[test]
fn a_failed_build_is_told_and_told_again_to_who_comes_late() {
    run(async {
        let served = Served::start().await;
        let mut first = served.events().await;
        let hello = first.expect("hello").await;
        assert!(hello["build"].as_str().is_some_and(|build| !build.is_empty()));
        served.tell(&json!({ "event": "building", "build": 4 }));
        assert_eq!(first.expect("building").await["build"], 4);
        served.tell(&json!({
            "event": "failed", "build": 4, "stage": "build", "summary": "1 error",
            "text": "\u{1b}[1m\u{1b}[91merror\u{1b}[0m: <T>\n --> src/a.rs:3:5\n",
            "diagnostics": [{ "level": "error", "message": "<T>", "file": "src/a.rs", "line": 3, "column": 5 }],
            "of_tomorrow": true,
        }));
        let mut late = served.events().await;
        assert_eq!(late.expect("hello").await, hello);
        for events in [&mut first, &mut late] {
            let failed = events.expect("failed").await;
            assert_eq!(
                failed["html"],
                "<span class=\"b c9\">error</span>: &lt;T&gt;\n --&gt; src/a.rs:3:5\n"
            );
            assert_eq!(failed["errors"], 1);
            let place = json!({ "level": "error", "message": "<T>", "place": "src/a.rs:3:5", "href": null });
            assert_eq!(failed["places"], json!([place]));
        }
        for line in [
            "",
            "nonsense",
            "{}",
            r#"{"event":"of tomorrow"}"#,
            r#"{"event":"built"}"#,
        ] {
            served.feed.tell(line);
        }
        served.tell(&json!({ "event": "built", "build": 5, "seconds": 0.4 }));
        assert_eq!(first.expect("built").await["build"], 5);
        let mut afterwards = served.events().await;
        afterwards.expect("hello").await;
        served.tell(&json!({ "event": "building", "build": 6 }));
        afterwards.expect("building").await;
    });
}

#[test]
fn a_changed_style_sheet_is_named_by_its_url_and_anything_else_reloads() {
    run(async {
        let served = Served::start().await;
        let mut events = served.events().await;
        assert_eq!(events.expect("hello").await["changes"], 0);
        for (files, css, reload) in [
            (json!(["assets/css/app.css"]), json!(["/static/css/app.css"]), false),
            (json!(["assets/logo.svg"]), json!([]), true),
            (json!(["styles/source.css"]), json!([]), true),
            (json!(["views/page.hbs"]), json!([]), true),
        ] {
            served.tell(&json!({ "event": "changed", "files": files }));
            let changed = events.expect("changed").await;
            assert_eq!((&changed["css"], &changed["reload"]), (&css, &json!(reload)), "{files}");
        }
        let mut late = served.events().await;
        assert_eq!(late.expect("hello").await["changes"], 4);
    });
}

#[test]
fn broken_views_leave_the_old_ones_and_are_told_to_pages_and_supervisor() {
    run(async {
        let served = Served::start().await;
        let mut events = served.events().await;
        events.expect("hello").await;
        let changed = json!({ "event": "changed", "files": ["views/page.hbs"] });
        write(served.root.path(), "views/page.hbs", "\n{{#if x}<b>");
        served.tell(&changed);
        let failed = events.expect("failed").await;
        assert_eq!(failed["stage"], "views");
        let place = failed["places"][0]["place"].as_str().unwrap().to_owned();
        assert!(place.starts_with("views/page.hbs:2:"), "{place}");
        assert!(served.page().await.contains("one"), "the old view");
        write(
            served.root.path(),
            "views/page.hbs",
            "<!doctype html><body>the second</body>",
        );
        served.tell(&changed);
        events.expect("views").await;
        assert_eq!(events.expect("changed").await["reload"], true);
        assert!(served.page().await.contains("the second"));
        let reports = served.reports.lock().unwrap().clone();
        assert_eq!(reports.len(), 2);
        assert_eq!(reports[0]["event"], "views");
        assert_eq!(
            (&reports[0]["file"], &reports[0]["line"]),
            (&json!("views/page.hbs"), &json!(2))
        );
        assert!(reports[0]["error"].as_str().is_some_and(|error| !error.is_empty()));
        assert_eq!(
            reports[1],
            json!({ "event": "views", "error": null, "file": null, "line": null, "column": null })
        );
    });
}

#[test]
fn streams_end_with_the_beginning_of_the_end() {
    run(async {
        let served = Served::start().await;
        let mut events = served.events().await;
        events.expect("hello").await;
        served.lifecycle.drain();
        assert!(events.next().await.is_none());
        timeout(PATIENCE, served.serving)
            .await
            .expect("nothing holds up the end")
            .unwrap();
    });
}
