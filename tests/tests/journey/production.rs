//! The program alone, as it runs in production: no command holds it, and nothing is shown that was meant for `dev`.

use rustix::process::Signal;

use crate::kit::command::{prepare, target};
use crate::kit::http::Request;
use crate::kit::{Project, Serve};

#[test]
fn the_program_alone_serves_in_production_and_tells_nobody_why_it_failed() {
    let project = Project::with_chat("production");
    project.edit(
        "src/controllers/home.rs",
        "Reply::view(json!({",
        "std::env::var(\"SECRET\").expect(\"the secret is missing\");\n    Reply::view(json!({",
    );
    project.cargo("build").succeeded();
    let mut command = std::process::Command::new(target().join("debug/production"));
    prepare(&mut command, project.root());
    command.env("NOVA_ENV", "prod");
    command
        .env("NOVA_SERVER_HOST", "127.0.0.1")
        .env("NOVA_SERVER_PORT", "0");
    let mut serve = Serve::start(command);
    serve.listens();

    for accept in ["text/html", "text/plain", "application/json"] {
        let home = Request::get("/")
            .header("accept", accept)
            .send(serve.address())
            .unwrap();
        assert_eq!(home.status, 500);
        assert!(!home.text().contains("secret"), "{}", home.text());
        assert!(!home.text().contains("home"), "{}", home.text());
    }
    serve.says("the secret is missing");

    let console = Request::get("/chat/lobby").header("accept", "text/html");
    let console = console.send(serve.address()).unwrap();
    assert_eq!(console.status, 426);
    assert!(!console.text().contains("<script"), "{}", console.text());

    let mut socket = serve.websocket("/chat/lobby");
    socket.send("hello".into()).unwrap();
    assert_eq!(socket.read().unwrap(), "hello".into());
    serve.process.signal(Signal::TERM);
    assert!(
        matches!(socket.read().unwrap(), tungstenite::Message::Close(Some(frame)) if u16::from(frame.code) == 1001)
    );
    drop(socket);
    assert_eq!(serve.process.end().code(), Some(0));
}
