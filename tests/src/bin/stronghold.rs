//! An application to be attacked over HTTP, whose memory is looked at.

use nova::prelude::*;

async fn length(body: String) -> String {
    body.len().to_string()
}

/// More than any buffer takes.
async fn large() -> Vec<u8> {
    vec![b'x'; 1 << 20]
}

async fn panics() -> &'static str {
    panic!("boom")
}

fn routes() -> Routes {
    let file = async || Reply::sendfile(SendFile::new("files", "large"));
    Routes::new().group(
        Group::new("/")
            .get("/", async || "here")
            .post("/", length)
            .get("/large", large)
            .get("/file", file)
            .get("/panic", panics),
    )
}

fn main() -> nova::Result<()> {
    nova::App::new(routes).run()
}
