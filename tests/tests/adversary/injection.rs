//! What clients send and controllers put into headers.

use nova::App;
use nova::prelude::*;
use nova::session::MemoryStore;
use nova_tests::{Project, Server};

use crate::kit::goes_on;

/// The same in a query, with what ends a header's line.
const ENDS: [&str; 7] = [
    "a%0d%0aset-cookie:%20evil=1",
    "a%0aset-cookie:%20evil=1",
    "a%0dset-cookie:%20evil=1",
    "%0d%0a%0d%0a%3Cscript%3E",
    "a%00b",
    "%E5%98%8D%E5%98%8Aset-cookie:%20evil=1",
    "a%C4%8D%C4%8Aset-cookie:%20evil=1",
];

#[derive(serde::Deserialize)]
struct Given {
    text: String,
}

fn server() -> Server {
    Project::new().serve(|| {
        let redirect = async |Query(given): Query<Given>| Reply::redirect(given.text);
        let header = async |Query(given): Query<Given>| Reply::json(1).with_header("x-given", given.text);
        let name = async |Query(given): Query<Given>| Reply::json(1).with_header(given.text, "given");
        let mime = async |Query(given): Query<Given>| Reply::sendfile(SendFile::new(".", "a.txt").mime(given.text));
        let flash = async |session: Session, Query(given): Query<Given>| -> nova::Result<Reply> {
            session.insert("given", &given.text)?;
            Ok(Reply::json(1))
        };
        let group = Group::new("/")
            .get("/", async || "here")
            .get("/redirect", redirect)
            .get("/header", header);
        let group = group.get("/name", name).get("/mime", mime).get("/session", flash);
        App::new(move || Routes::new().group(group)).sessions(MemoryStore::new())
    })
}

#[test]
fn no_header_is_made_of_what_is_in_another() {
    let server = server();
    for target in ["/redirect", "/header", "/name", "/mime", "/session"] {
        for text in ENDS {
            let response = server.get(&format!("{target}?text={text}"));
            let about = format!("{target} {text} {response:?}");
            let cookies = response.headers.iter().filter(|(name, _)| name == "set-cookie");
            assert!(cookies.clone().all(|(_, value)| !value.contains("evil")), "{about}");
            assert!(
                !response
                    .headers
                    .iter()
                    .any(|(_, value)| value.contains(['\r', '\n', '\0'])),
                "{about}"
            );
            assert!(!response.text().contains("<script>"), "{about}");
            assert!(matches!(response.status, 200 | 302 | 404 | 500), "{about}");
        }
    }
    goes_on(&server);
}

#[test]
fn a_control_character_in_a_header_is_an_error() {
    let server = server();
    for target in ["/redirect", "/header", "/name"] {
        for text in &ENDS[..4] {
            let response = server.get(&format!("{target}?text={text}"));
            assert_eq!(response.status, 500, "{target} {text}");
        }
    }
}

#[test]
fn cookies_of_strangers_are_nothing() {
    let server = server();
    for cookie in [
        "session=",
        "session=.",
        "session=a.b",
        "session=%00",
        "session=\"a\"",
        "session=a; session=b; session=c",
        ";;;;=;=;",
        "session",
        "=session",
        "session=../../../etc/passwd",
        &"a=b; ".repeat(3_000),
        &format!("session={}", "A".repeat(15_000)),
    ] {
        let headers = [("cookie", cookie)];
        let response = server.request("GET", "/session?text=a", &headers, "");
        assert_eq!(response.status, 200, "{cookie:.40}");
    }
    goes_on(&server);
}
