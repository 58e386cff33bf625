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

async fn chosen() -> Reply {
    Reply::sendfile(SendFile::new("files", "a.txt").range(2..=4).mime("application/x-part"))
}

fn server() -> Server {
    let project = Project::new()
        .file("files/a.txt", CONTENT)
        .file("files/sub/b.html", "<p>")
        .file("files/with space.txt", "space")
        .file("secret.txt", "secret");
    let secret = project.path().join("secret.txt");
    let project = project.file("files/empty.txt", "");
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
                    .get("/part", chosen)
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

/// What a GET with these headers is answered with: status, `content-range`, body.
fn part(server: &Server, target: &str, headers: &[(&str, &str)]) -> (u16, Option<String>, String) {
    let response = server.request("GET", target, headers, "");
    let range = response.header("content-range").map(str::to_owned);
    (response.status, range, response.text().to_owned())
}

#[test]
fn a_range_is_of_bytes_one_and_within_reach() {
    let server = server();
    let whole = (200, None, CONTENT.to_owned());
    let of = |range: &str, content: &str| (206, Some(format!("bytes {range}/10")), content.to_owned());
    for place in PLACES {
        let target = format!("{place}/a.txt");
        let part = |range| part(&server, &target, &[("range", range)]);
        assert_eq!(part("bytes=0-0"), of("0-0", "0"));
        assert_eq!(part("bytes=9-100"), of("9-9", "9"), "what is there of it");
        assert_eq!(
            part("bytes=-100"),
            of("0-9", CONTENT),
            "a suffix longer than the file is the file"
        );
        for impossible in ["bytes=10-", "bytes=-0"] {
            let (status, range, body) = part(impossible);
            assert_eq!((status, range.as_deref()), (416, Some("bytes */10")), "{impossible}");
            assert!(!body.contains(CONTENT));
        }
        for other in [
            "items=0-4",
            "bytes=4-2",
            "bytes=x",
            "0-4",
            "bytes=0-1,4-5",
            "bytes=0-1,20-30",
        ] {
            assert_eq!(part(other), whole, "{other}");
        }
        for range in ["bytes=0-", "bytes=-5", "bytes=0-0"] {
            let empty = format!("{place}/empty.txt");
            assert_eq!(
                self::part(&server, &empty, &[("range", range)]),
                (200, None, String::new())
            );
        }
        let head = server.connect().request("HEAD", &target, &[("range", "bytes=2-4")], "");
        assert_eq!(
            (head.status, head.header("content-length")),
            (200, Some("10")),
            "a range is of a GET"
        );
    }
}

#[test]
fn a_range_of_what_has_changed_is_the_whole() {
    let server = server();
    let file = server.project().path().join("files/a.txt");
    let date = |seconds| {
        let file = std::fs::File::options().append(true).open(&file).unwrap();
        let time = std::time::SystemTime::now() - std::time::Duration::from_secs(seconds);
        file.set_modified(time).unwrap();
    };
    date(60);
    for place in PLACES {
        let target = format!("{place}/a.txt");
        let response = server.get(&target);
        let (tag, modified) = (
            response.header("etag").unwrap(),
            response.header("last-modified").unwrap(),
        );
        let status = |condition: &str| part(&server, &target, &[("range", "bytes=2-4"), ("if-range", condition)]).0;
        assert_eq!(status(tag), 206);
        assert_eq!(status(modified), 206);
        assert_eq!(status(&format!("W/{tag}")), 200);
        assert_eq!(status("\"other\""), 200);
        assert_eq!(status("Mon, 01 Jan 1990 00:00:00 GMT"), 200);
        assert_eq!(
            status("Fri, 01 Jan 2100 00:00:00 GMT"),
            200,
            "it is no later date, but the same"
        );
        assert_eq!(status("nonsense"), 200);
    }
    // Within its second a file may have changed twice: its date is no proof.
    date(0);
    let modified = server.get("/assets/a.txt").header("last-modified").unwrap().to_owned();
    let headers = [("range", "bytes=2-4"), ("if-range", &*modified)];
    assert_eq!(part(&server, "/assets/a.txt", &headers).0, 200);
}

#[test]
fn conditions_are_answered_as_the_standard_has_them() {
    let server = server();
    for place in PLACES {
        let target = format!("{place}/a.txt");
        let response = server.get(&target);
        let tag = response.header("etag").unwrap().to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"'), "a strong one: {tag}");
        let modified = response.header("last-modified").unwrap().to_owned();
        let weak = format!("W/{tag}");
        let list = format!("\"a\", {tag}, \"b\"");
        let long_ago = "Mon, 01 Jan 1990 00:00:00 GMT";
        for method in ["GET", "HEAD"] {
            let status = |headers: &[(&str, &str)]| server.connect().request(method, &target, headers, "").status;
            for tag in [&*tag, &weak, &list, "*"] {
                assert_eq!(status(&[("if-none-match", tag)]), 304, "{tag}");
            }
            assert_eq!(
                status(&[("if-none-match", "\"a\""), ("if-none-match", &tag)]),
                304,
                "in two lines"
            );
            assert_eq!(status(&[("if-none-match", "\"a\"")]), 200);
            // The tag decides, whatever the date says.
            assert_eq!(
                status(&[("if-none-match", "\"a\""), ("if-modified-since", &modified)]),
                200
            );
            for tag in [&*tag, &list, "*"] {
                assert_eq!(status(&[("if-match", tag)]), 200, "{tag}");
            }
            for tag in [&*weak, "\"a\""] {
                assert_eq!(status(&[("if-match", tag)]), 412, "{tag}");
            }
            assert_eq!(status(&[("if-unmodified-since", long_ago)]), 412);
            assert_eq!(status(&[("if-unmodified-since", &modified)]), 200);
            assert_eq!(status(&[("if-match", &tag), ("if-unmodified-since", long_ago)]), 200);
            assert_eq!(status(&[("if-match", "\"a\""), ("range", "bytes=0-1")]), 412);
            assert_eq!(status(&[("if-none-match", &tag), ("range", "bytes=0-1")]), 304);
        }
        let unchanged = server.request("GET", &target, &[("if-none-match", &tag)], "");
        assert_eq!(unchanged.header("etag"), Some(&*tag));
        assert_eq!(unchanged.header("last-modified"), Some(&*modified));
        assert_eq!(unchanged.header("content-type"), None);
        let failed = server.request("GET", &target, &[("if-match", "\"a\"")], "");
        assert_eq!(failed.text(), "412 Precondition Failed\n", "the status page");
    }
}

#[test]
fn a_file_in_answer_to_a_post_is_whole_whatever_the_conditions() {
    let server = Project::new().file("files/a.txt", CONTENT).serve(|| {
        let controller = async || Reply::sendfile(SendFile::new("files", "a.txt"));
        App::new(move || Routes::new().group(Group::new("/").post("/", controller)))
    });
    let headers = [("range", "bytes=0-1"), ("if-none-match", "*")];
    let response = server.request("POST", "/", &headers, "x");
    assert_eq!((response.status, response.text()), (200, CONTENT));
}

/// A server of files that are compressed beside themselves, at `/send` where the reply asks for it, and of assets.
fn compressed() -> Server {
    let project = Project::new()
        .file("files/app.css", "body { color: red }")
        .file("files/app.css.br", "in brotli")
        .file("files/app.css.gz", "in gzip!!")
        .file("files/app.css.zst", "in zstd")
        .file("files/plain.css", "plain")
        .file("files/linked.css", "linked")
        .file("files/only.css.br", "without the other")
        .file("secret.br", "secret");
    let secret = project.path().join("secret.br");
    let project = project.link("files/linked.css.br", secret);
    // As a build leaves them that sets all times to one.
    let time = std::time::SystemTime::now() - std::time::Duration::from_mins(1);
    for file in std::fs::read_dir(project.path().join("files")).unwrap() {
        let file = std::fs::File::options()
            .append(true)
            .open(file.unwrap().path())
            .unwrap();
        file.set_modified(time).unwrap();
    }
    project.serve(|| {
        App::new(|| {
            let compressed =
                async |Path(path): Path<String>| Reply::sendfile(SendFile::new("files", path).precompressed());
            let part = async || Reply::sendfile(SendFile::new("files", "app.css").precompressed().range(0..=3));
            Routes::new().group(
                Group::new("/")
                    .get("/send/{*path}", compressed)
                    .get("/as-it-is/{*path}", send)
                    .get("/part", part)
                    .assets("/assets", "files")
                    .assets("/one.css", "files/app.css"),
            )
        })
    })
}

#[test]
fn a_compressed_file_beside_another_is_sent_to_those_who_take_it() {
    let server = compressed();
    for target in ["/send/app.css", "/assets/app.css", "/one.css"] {
        let mut tags = Vec::new();
        for (accept, coding, content) in [
            ("gzip, deflate, br, zstd", Some("br"), "in brotli"),
            ("gzip;q=1, br;q=0.5", Some("gzip"), "in gzip!!"),
            ("zstd, br;q=0", Some("zstd"), "in zstd"),
            ("identity, br;q=0.1", None, "body { color: red }"),
            ("deflate", None, "body { color: red }"),
        ] {
            let response = server.request("GET", target, &[("accept-encoding", accept)], "");
            assert_eq!((response.status, response.text()), (200, content), "{accept}");
            assert_eq!(response.header("content-encoding"), coding, "{accept}");
            assert_eq!(response.header("content-type"), Some("text/css; charset=utf-8"));
            assert_eq!(response.header("vary"), Some("accept-encoding"));
            assert_eq!(response.header("content-length"), Some(&*content.len().to_string()));
            let tag = response.header("etag").unwrap().to_owned();
            let unchanged = [("accept-encoding", accept), ("if-none-match", &*tag)];
            let unchanged = server.request("GET", target, &unchanged, "");
            assert_eq!((unchanged.status, unchanged.header("etag")), (304, Some(&*tag)));
            assert_eq!(
                (unchanged.header("vary"), unchanged.text()),
                (Some("accept-encoding"), "")
            );
            let head = server
                .connect()
                .request("HEAD", target, &[("accept-encoding", accept)], "");
            assert_eq!((head.status, head.header("etag")), (200, Some(&*tag)));
            assert_eq!(head.header("content-encoding"), coding);
            tags.push(tag);
        }
        assert_eq!(tags[3], tags[4]);
        tags.truncate(4);
        // Those in Brotli and in gzip are of one length and one time.
        for tag in &tags {
            assert_eq!(tags.iter().filter(|other| *other == tag).count(), 1, "{tags:?}");
            let headers = [("accept-encoding", "br"), ("if-none-match", &**tag)];
            let status = server.request("GET", target, &headers, "").status;
            assert_eq!(status, if *tag == tags[0] { 304 } else { 200 }, "{tag}");
        }
        assert_eq!(server.get(target).text(), "body { color: red }");
    }
}

#[test]
fn a_range_of_a_compressed_file_is_of_its_compressed_bytes() {
    let server = compressed();
    for target in ["/send/app.css", "/assets/app.css"] {
        let brotli = [("accept-encoding", "br"), ("range", "bytes=3-5")];
        let response = server.request("GET", target, &brotli, "");
        assert_eq!((response.status, response.text()), (206, "bro"));
        assert_eq!(response.header("content-range"), Some("bytes 3-5/9"));
        assert_eq!(response.header("content-encoding"), Some("br"));
        let tag = response.header("etag").unwrap().to_owned();
        // A part in one coding does not go on in another.
        for (accept, status) in [("br", 206), ("gzip", 200), ("identity", 200)] {
            let headers = [("accept-encoding", accept), ("range", "bytes=3-5"), ("if-range", &*tag)];
            assert_eq!(server.request("GET", target, &headers, "").status, status, "{accept}");
        }
        let beyond = [("accept-encoding", "br"), ("range", "bytes=12-")];
        let response = server.request("GET", target, &beyond, "");
        assert_eq!(
            (response.status, response.header("content-range")),
            (416, Some("bytes */9"))
        );
        assert_eq!(response.header("content-encoding"), None);
    }
}

#[test]
fn a_compressed_file_is_below_the_root_and_stands_for_another() {
    let server = compressed();
    let brotli = [("accept-encoding", "br, gzip")];
    for place in PLACES {
        let response = server.request("GET", &format!("{place}/linked.css"), &brotli, "");
        assert_eq!((response.text(), response.header("content-encoding")), ("linked", None));
        assert_eq!(response.header("vary"), None);
        let plain = server.request("GET", &format!("{place}/plain.css"), &brotli, "");
        assert_eq!((plain.text(), plain.header("vary")), ("plain", None));
        assert_eq!(
            server.request("GET", &format!("{place}/only.css"), &brotli, "").status,
            404
        );
        let itself = server.request("GET", &format!("{place}/app.css.br"), &brotli, "");
        assert_eq!((itself.text(), itself.header("content-encoding")), ("in brotli", None));
    }
    let as_it_is = server.request("GET", "/as-it-is/app.css", &brotli, "");
    assert_eq!(
        (as_it_is.text(), as_it_is.header("vary")),
        ("body { color: red }", None)
    );
    let part = server.request("GET", "/part", &brotli, "");
    assert_eq!(
        (part.status, part.text(), part.header("content-encoding")),
        (206, "body", None)
    );
}
