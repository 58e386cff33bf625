//! Files: `sendfile` and assets, whole, in part or unchanged, and never from outside their root.

use nova::App;
use nova::prelude::*;
use nova_tests::{Project, Server};

const CONTENT: &str = "0123456789";

async fn send(Path(path): Path<String>) -> Reply {
    Reply::sendfile(SendFile::new("files", path))
}

async fn send_query(Query(query): Query<std::collections::HashMap<String, String>>) -> Reply {
    Reply::sendfile(SendFile::new("files", query["path"].as_str()))
}

async fn part() -> Reply {
    Reply::sendfile(SendFile::new("files", "a.txt").range(2..=4).mime("application/x-part"))
}

fn server() -> Server {
    let project = Project::new()
        .file("files/a.txt", CONTENT)
        .file("files/sub/b.html", "<p>")
        .file("files/with space.txt", "space")
        .file("secret.txt", "secret");
    let secret = project.path().join("secret.txt");
    let project = project
        .link("files/link.txt", &secret)
        .link("files/up", "..")
        .link("files/inside.txt", "a.txt");
    project.serve(|| {
        App::new(|| {
            Routes::new().group(
                Group::new("/")
                    .get("/send/{*path}", send)
                    .get("/query", send_query)
                    .get("/part", part)
                    .assets("/assets", "files")
                    .assets("/one", "files/a.txt"),
            )
        })
    })
}

const PLACES: [&str; 2] = ["/send", "/assets"];

#[test]
fn a_file_is_sent_with_its_type_and_length() {
    let server = server();
    for place in PLACES {
        let response = server.get(&format!("{place}/a.txt"));
        assert_eq!((response.status, response.text()), (200, CONTENT));
        assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(response.header("content-length"), Some("10"));
        assert_eq!(server.get(&format!("{place}/sub/b.html")).text(), "<p>");
        assert_eq!(server.get(&format!("{place}/with%20space.txt")).text(), "space");
        assert_eq!(server.get(&format!("{place}/inside.txt")).text(), CONTENT);
    }
    assert_eq!(server.get("/one").text(), CONTENT);
}

#[test]
fn what_is_not_there_or_no_file_is_404() {
    let server = server();
    for path in ["/missing", "/sub", "/sub/", "/sub/missing", "/a.txt/b"] {
        for place in PLACES {
            assert_eq!(server.get(&format!("{place}{path}")).status, 404, "{place}{path}");
        }
    }
    assert_eq!(server.get("/assets").status, 404);
}

#[test]
fn nothing_leads_out_of_the_root() {
    let server = server();
    for path in [
        "../secret.txt",
        "sub/../../secret.txt",
        "%2e%2e/secret.txt",
        "%2E%2E%2Fsecret.txt",
        "..%2fsecret.txt",
        "%252e%252e%252fsecret.txt",
        "sub/%2e%2e/%2e%2e/secret.txt",
        "..%5csecret.txt",
        "..%c0%afsecret.txt",
        "a.txt%00",
        "%00",
        "link.txt",
        "up/secret.txt",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "/%2e%2e/secret.txt",
    ] {
        for place in PLACES {
            let response = server.get(&format!("{place}/{path}"));
            assert!(
                matches!(response.status, 400 | 404),
                "{place}/{path}: {}",
                response.status
            );
        }
    }
}

#[test]
fn a_path_from_the_query_leads_nowhere_else_either() {
    let server = server();
    assert_eq!(server.get("/query?path=a.txt").text(), CONTENT);
    let absolute = server.project().path().join("secret.txt");
    for path in [
        "../secret.txt",
        "link.txt",
        "/etc/passwd",
        absolute.to_str().unwrap(),
        "a.txt%00",
        "",
    ] {
        assert_eq!(server.get(&format!("/query?path={path}")).status, 404, "{path}");
    }
}

#[test]
fn a_range_is_answered_with_206_and_an_impossible_one_with_416() {
    let server = server();
    for place in PLACES {
        let target = format!("{place}/a.txt");
        let ranged = |range| server.request("GET", &target, &[("range", range)], "");
        let response = ranged("bytes=2-4");
        assert_eq!((response.status, response.text()), (206, "234"));
        assert_eq!(response.header("content-range"), Some("bytes 2-4/10"));
        assert_eq!(ranged("bytes=-3").text(), "789");
        assert_eq!(ranged("bytes=7-").text(), "789");
        let response = ranged("bytes=20-30");
        assert_eq!(
            (response.status, response.header("content-range")),
            (416, Some("bytes */10"))
        );
    }
}

#[test]
fn what_has_not_changed_is_304() {
    let server = server();
    for place in PLACES {
        let target = format!("{place}/a.txt");
        let modified = server.get(&target).header("last-modified").unwrap().to_owned();
        let response = server.request("GET", &target, &[("if-modified-since", &modified)], "");
        assert_eq!((response.status, response.text()), (304, ""));
        let long_ago = ("if-modified-since", "Mon, 01 Jan 1990 00:00:00 GMT");
        assert_eq!(server.request("GET", &target, &[long_ago], "").status, 200);
    }
}

#[test]
fn head_of_a_file_has_its_length_and_no_body() {
    let server = server();
    for place in PLACES {
        let mut connection = server.connect();
        let head = connection.request("HEAD", &format!("{place}/a.txt"), &[], "");
        assert_eq!((head.status, head.header("content-length")), (200, Some("10")));
        assert_eq!(
            connection.request("GET", &format!("{place}/a.txt"), &[], "").text(),
            CONTENT
        );
    }
}

#[test]
fn a_reply_chooses_the_range_and_the_media_type() {
    let server = server();
    let long_ago = "Mon, 01 Jan 1990 00:00:00 GMT";
    for headers in [
        &[][..],
        &[("range", "bytes=0-0")],
        &[("range", "bytes=0-0"), ("if-range", long_ago)],
    ] {
        let response = server.request("GET", "/part", headers, "");
        assert_eq!((response.status, response.text()), (206, "234"), "{headers:?}");
        assert_eq!(response.header("content-type"), Some("application/x-part"));
    }
}

#[test]
fn a_missing_file_is_404_whatever_status_was_set() {
    let server = Project::new().serve(|| {
        let controller = async || Reply::sendfile(SendFile::new("files", "missing")).with_status(200);
        App::new(move || Routes::new().group(Group::new("/").get("/", controller)))
    });
    assert_eq!(server.get("/").status, 404);
}

#[test]
fn assets_take_no_other_method() {
    let response = server().request("POST", "/assets/a.txt", &[], "");
    assert_eq!(
        (response.status, response.header("allow")),
        (405, Some("GET, HEAD, OPTIONS"))
    );
}
