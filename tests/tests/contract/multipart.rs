//! Forms with files: what is kept of them, where, and what is refused.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nova::App;
use nova::prelude::*;
use nova::session::MemoryStore;
use nova::{Multipart, MultipartStream, Upload};
use nova_tests::http::{Connection, Response};
use nova_tests::{PATIENCE, Project, Server};

const TYPE: (&str, &str) = ("content-type", "multipart/form-data; boundary=here");
const MEBIBYTE: usize = 1024 * 1024;

/// The longest piece that a stream has given.
static LONGEST: AtomicUsize = AtomicUsize::new(0);

#[derive(serde::Deserialize)]
struct Post {
    title: String,
    #[serde(default)]
    tags: Vec<String>,
    stars: Option<u8>,
    photo: Upload,
    #[serde(default)]
    more: Vec<Upload>,
}

async fn create(Multipart(post): Multipart<Post>) -> nova::Result<String> {
    let photo = post.photo;
    let content = photo.bytes().await?;
    let more: Vec<_> = post.more.iter().map(Upload::size).collect();
    Ok(json!({
        "title": post.title,
        "tags": post.tags,
        "stars": post.stars,
        "name": photo.file_name(),
        "type": photo.content_type(),
        "size": photo.size(),
        "content": if content.len() < 100 { String::from_utf8_lossy(&content).into_owned() } else { String::new() },
        "on_disk": photo.path().is_some(),
        "more": more,
    })
    .to_string())
}

#[derive(serde::Deserialize)]
struct One {
    file: Upload,
}

#[derive(serde::Deserialize)]
struct Texts {
    text: String,
}

async fn save(
    State(place): State<Arc<OnceLock<PathBuf>>>,
    Multipart(One { file }): Multipart<One>,
) -> nova::Result<String> {
    let temporary = file.path().map(ToOwned::to_owned);
    file.save(place.get().unwrap().join("saved")).await?;
    Ok(temporary.is_some_and(|path| path.exists()).to_string())
}

async fn stream(mut form: MultipartStream) -> Result<String, Problem> {
    let mut told = String::new();
    while let Some(mut field) = form.next().await? {
        let mut size = 0;
        if field.name() != "skipped" {
            while let Some(piece) = field.piece().await? {
                LONGEST.fetch_max(piece.len(), Ordering::Relaxed);
                size += piece.len();
                // Slower than the client.
                tokio::task::yield_now().await;
            }
        }
        write!(told, "{} {:?} {size};", field.name(), field.file_name()).unwrap();
    }
    Ok(told)
}

fn routes() -> Routes<Arc<OnceLock<PathBuf>>> {
    Routes::new()
        .group(
            Group::new("/")
                .post("/", create)
                .post("/stream", stream)
                .post("/texts", async |Multipart(form): Multipart<Texts>| form.text)
                .get("/token", async |csrf: CsrfToken| csrf.to_string()),
        )
        .group(
            Group::new("/large")
                .body_limit(100 * MEBIBYTE)
                .post("/", create)
                .post("/one", async |Multipart(One { file }): Multipart<One>| {
                    file.size().to_string()
                })
                .post("/save", save)
                .post("/stream", stream),
        )
}

/// A server whose temporary files are where they can be counted.
fn serve_with(settings: &str) -> Server {
    let place = Arc::new(OnceLock::new());
    let project = Project::new()
        .file("temporary/.keep", "")
        .file("nova.toml", &format!("[uploads]\ndir = \"temporary\"\n{settings}"));
    place.set(project.path().to_owned()).unwrap();
    project.serve(move || App::new(routes).state(place).sessions(MemoryStore::new()))
}

fn serve() -> Server {
    serve_with("")
}

fn temporary_files(server: &Server) -> usize {
    fs::read_dir(server.project().path().join("temporary")).unwrap().count() - 1
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(2));
    }
}

fn text(name: &str, value: &str) -> String {
    format!("--here\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

fn file(name: &str, file_name: &str, content: &str) -> String {
    format!(
        "--here\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\n\
         Content-Type: image/png\r\n\r\n{content}\r\n"
    )
}

const END: &str = "--here--\r\n";

fn post(server: &Server, target: &str, body: &str) -> Response {
    server.request("POST", target, &[TYPE, ("accept", "application/json")], body)
}

/// The status, and the first error's place and words, or the detail where there is none.
fn refusal(server: &Server, target: &str, body: &str) -> (u16, String) {
    let response = post(server, target, body);
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    let problem: serde_json::Value = response.json();
    let error = &problem["errors"][0];
    let told = match error["parameter"].as_str() {
        Some(name) => format!("{name}: {}", error["detail"].as_str().unwrap()),
        None => problem["detail"].as_str().unwrap().to_owned(),
    };
    (response.status, told)
}

#[test]
fn texts_and_files_are_fields_of_a_type() {
    let server = serve();
    let form = [
        text("title", "Täa"),
        text("tags", "a"),
        text("unknown", "x"),
        text("tags", "b"),
        file("photo", "C:\\pictures\\..\\cat.png", "meow\r\n--her"),
        file("ignored", "b.png", &"x".repeat(100_000)),
        file("more", "", ""),
        file("more", "c.png", "12"),
        END.to_owned(),
    ];
    let response = post(&server, "/", &form.concat());
    assert_eq!(response.status, 200, "{}", response.text());
    let told: serde_json::Value = response.json();
    let expected = json!({
        "title": "Täa", "tags": ["a", "b"], "stars": null, "name": "cat.png", "type": "image/png", "size": 11,
        "content": "meow\r\n--her", "on_disk": false, "more": [2],
    });
    assert_eq!(told, expected);
}

#[test]
fn a_large_file_is_on_disk_and_gone_with_the_request() {
    let server = serve();
    let content = "0123456789".repeat(100_000);
    let form = [text("title", "t"), text("stars", "5"), file("photo", "a", &content)].concat() + END;
    let told: serde_json::Value = post(&server, "/", &form).json();
    assert_eq!((&told["size"], &told["on_disk"]), (&json!(1_000_000), &json!(true)));
    until("it is gone", || temporary_files(&server) == 0);
}

#[test]
fn a_file_is_kept_where_the_application_says_and_replaces_what_is_there() {
    let server = serve();
    let saved = server.project().path().join("saved");
    for content in ["12".to_owned(), "0123456789".repeat(100_000), "3".to_owned()] {
        let response = post(&server, "/large/save", &(file("file", "../../x", &content) + END));
        assert_eq!((response.status, response.text()), (200, "false"));
        assert_eq!(fs::read_to_string(&saved).unwrap(), content);
        assert_eq!(temporary_files(&server), 0);
    }
}

#[test]
fn each_refusal_is_a_problem_that_names_the_field() {
    let server = serve_with("max_field_size = 100\nmax_file_size = 100000\nmax_fields = 5\n");
    let good = || text("title", "t") + &file("photo", "a", "b");
    let long = "x".repeat(101);
    let cases = [
        (text("title", "t") + END, 422, "photo: missing field `photo`"),
        (
            good() + &text("title", "u") + END,
            422,
            "title: duplicate field `title`",
        ),
        (
            good() + &file("photo", "c", "d") + END,
            422,
            "photo: duplicate field `photo`",
        ),
        (
            text("photo", "x") + &text("title", "t") + END,
            422,
            "photo: expected a file",
        ),
        (
            file("title", "a", "b") + END,
            422,
            "title: invalid type: file, expected a string",
        ),
        (good() + &text("stars", "many") + END, 422, "stars: expected an integer"),
        (
            good() + &text("tags", &long) + END,
            413,
            "tags: longer than the 100 bytes that are accepted here",
        ),
        (
            text("title", "t") + &file("photo", "a", &"x".repeat(100_001)) + END,
            413,
            "photo: longer than the 100000 bytes that are accepted here",
        ),
        (
            text("tags", "x").repeat(6) + END,
            413,
            "the form has more than 5 fields",
        ),
        (good(), 400, "the form did not arrive whole"),
        ("nonsense".to_owned(), 400, "the form did not arrive whole"),
        (
            format!("--here\r\nno header at all\r\n\r\nx\r\n{END}"),
            400,
            "the body is no multipart form",
        ),
        (format!("--here\r\nx: y\r\n\r\nx\r\n{END}"), 400, "a field has no name"),
        (
            format!("--here\r\nx: {}\r\n\r\nx\r\n{END}", "y".repeat(300_000)),
            400,
            "what is before a field is too long",
        ),
        ("y".repeat(300_000), 400, "what is before a field is too long"),
    ];
    for (form, status, told) in cases {
        assert_eq!(refusal(&server, "/", &form), (status, told.to_owned()));
    }
    until("all are gone", || temporary_files(&server) == 0);
    // It goes on.
    assert_eq!(post(&server, "/", &(good() + END)).status, 200);
}

#[test]
fn a_text_is_utf_8() {
    let server = serve();
    let mut connection = server.connect();
    let mut form = text("text", "?").into_bytes();
    let at = form.iter().position(|&byte| byte == b'?').unwrap();
    form[at] = 0xff;
    form.extend(END.as_bytes());
    connection.send(format!(
        "POST /texts HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n{}: {}\r\ncontent-length: {}\r\n\r\n",
        TYPE.0,
        TYPE.1,
        form.len()
    ));
    connection.send(form);
    let response = connection.response("POST");
    assert_eq!(response.status, 422);
    let problem: serde_json::Value = response.json();
    assert_eq!(
        problem["errors"],
        json!([{ "parameter": "text", "detail": "expected text in UTF-8" }])
    );
}

#[test]
fn what_is_no_multipart_is_415_and_without_a_boundary_400() {
    let server = serve();
    for (kind, status) in [
        (None, 415),
        (Some("application/x-www-form-urlencoded"), 415),
        (Some("multipart/mixed; boundary=here"), 415),
        (Some("multipart/form-data"), 400),
        (Some("multipart/form-data; boundary="), 400),
        (
            Some(
                "multipart/form-data; boundary=0123456789012345678901234567890123456789012345678901234567890123456789x",
            ),
            400,
        ),
    ] {
        let headers: Vec<_> = kind.map(|kind| ("content-type", kind)).into_iter().collect();
        let response = server.request("POST", "/", &headers, "x");
        assert_eq!(response.status, status, "{kind:?}");
    }
}

#[test]
fn a_body_over_its_limit_is_413_whether_it_says_its_length_or_not() {
    let server = serve();
    let form = file("file", "a", &"x".repeat(3 * MEBIBYTE)) + END;
    assert_eq!(post(&server, "/", &form[..]).status, 413);
    let mut connection = server.connect();
    begin_chunked(&mut connection, "/stream");
    // It may answer before it has read everything.
    for piece in form.as_bytes().chunks(65_536) {
        if try_chunk(&mut connection, piece).is_err() {
            break;
        }
    }
    let _ = connection.try_send("0\r\n\r\n");
    assert_eq!(connection.response("POST").status, 413);
    assert_eq!(temporary_files(&server), 0);
}

fn begin_chunked(connection: &mut Connection, target: &str) {
    connection.send(format!(
        "POST {target} HTTP/1.1\r\nhost: localhost\r\n{}: {}\r\ntransfer-encoding: chunked\r\n\r\n",
        TYPE.0, TYPE.1
    ));
}

fn try_chunk(connection: &mut Connection, bytes: &[u8]) -> std::io::Result<()> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend(bytes);
    chunk.extend(b"\r\n");
    connection.try_send(chunk)
}

#[test]
fn a_large_file_is_never_in_memory_as_a_whole() {
    let server = serve();
    let size = 64 * MEBIBYTE;
    let (begin, end) = (file("file", "a", "|"), END);
    let (begin, after) = begin.split_once('|').unwrap();
    let mut connection = server.connect();
    connection.send(format!(
        "POST /large/stream HTTP/1.1\r\nhost: localhost\r\n{}: {}\r\ncontent-length: {}\r\n\r\n{begin}",
        TYPE.0,
        TYPE.1,
        begin.len() + size + after.len() + end.len()
    ));
    // Of what could be the beginning of a boundary there is much.
    let piece = "\r\n--her\r".repeat(MEBIBYTE / 8);
    for _ in 0..64 {
        connection.send(&piece);
    }
    connection.send(format!("{after}{end}"));
    let response = connection.response("POST");
    assert_eq!(response.text(), format!("file Some(\"a\") {size};"));
    let longest = LONGEST.load(Ordering::Relaxed);
    assert!(longest <= MEBIBYTE, "{longest} bytes were in memory at a time");
}

#[test]
fn a_client_that_hangs_up_in_the_middle_leaves_no_file() {
    let server = serve();
    let mut connection = server.connect();
    begin_chunked(&mut connection, "/large/one");
    let form = file("file", "a", &"x".repeat(MEBIBYTE));
    try_chunk(&mut connection, form.as_bytes()).unwrap();
    until("it has begun", || temporary_files(&server) == 1);
    drop(connection);
    until("it is gone", || temporary_files(&server) == 0);
}

#[test]
fn a_body_shorter_than_it_says_is_400() {
    let server = serve();
    let form = file("file", "a", &"x".repeat(MEBIBYTE)) + END;
    let mut connection = server.connect();
    connection.send(format!(
        "POST /large/one HTTP/1.1\r\nhost: localhost\r\n{}: {}\r\ncontent-length: {}\r\n\r\n{}",
        TYPE.0,
        TYPE.1,
        form.len(),
        &form[..form.len() / 2]
    ));
    until("it has begun", || temporary_files(&server) == 1);
    connection.finish();
    assert!(
        connection
            .try_response("POST")
            .is_none_or(|response| response.status == 400)
    );
    until("it is gone", || temporary_files(&server) == 0);
}

#[test]
fn a_slow_client_is_waited_for_byte_by_byte() {
    let server = serve();
    let form = text("text", "slow") + END;
    let mut connection = server.connect();
    begin_chunked(&mut connection, "/texts");
    for byte in form.as_bytes() {
        try_chunk(&mut connection, &[*byte]).unwrap();
    }
    connection.send("0\r\n\r\n");
    let response = connection.response("POST");
    assert_eq!((response.status, response.text()), (200, "slow"));
}

#[test]
fn what_is_not_read_of_a_field_is_read_past() {
    let server = serve();
    let form = file("skipped", "a", &"x".repeat(MEBIBYTE)) + &text("b", "12") + END;
    assert_eq!(
        post(&server, "/stream", &form).text(),
        "skipped Some(\"a\") 0;b None 2;"
    );
}

#[test]
fn a_form_token_is_found_before_the_files() {
    let server = serve();
    let response = server.get("/token");
    let token = response.text();
    let cookie = response.header("set-cookie").unwrap().split(';').next().unwrap();
    let send = |form: &str| {
        let headers = [TYPE, ("cookie", cookie), ("sec-fetch-site", "same-site")];
        server.request("POST", "/large/one", &headers, form)
    };
    let large = file("file", "a", &"x".repeat(MEBIBYTE));
    assert_eq!(send(&(large.clone() + END)).status, 403);
    assert_eq!(send(&(text("_csrf", "wrong") + &large + END)).status, 403);
    assert_eq!(
        send(&(large.clone() + &text("_csrf", token) + END)).status,
        403,
        "too late"
    );
    let response = send(&(text("_csrf", token) + &large + END));
    assert_eq!((response.status, response.text()), (200, "1048576"));
    let small = text("other", "x") + &text("_csrf", token) + &file("file", "a", "b") + END;
    assert_eq!(send(&small).text(), "1");
}
