//! The client of the guide, `docs/recipes/client.md`, in a browser: it says and hears, comes back where it should, and not
//! where it should not.

use std::path::Path as File;

use nova::App;
use nova::prelude::*;
use nova_tests::guide::Page as GuidePage;
use nova_tests::{Project, Server};

use crate::kit::Browser;

struct Room {
    name: String,
}

async fn init(socket: Socket, Path(name): Path<String>) -> Room {
    socket.join(&name);
    socket.broadcast(&name, "came", "somebody is here");
    Room { name }
}

impl WebSocketHandler for Room {
    /// What is said is heard, but that which ends a connection as a server does.
    async fn handle(&mut self, frame: Frame, socket: &Socket) -> Commands {
        match frame {
            Frame::Text(text) if text == "restart" => Commands::close(1012, "retry in 20 ms"),
            Frame::Text(text) if text == "fail" => Commands::crash(std::fmt::Error),
            Frame::Text(text) if text == "enough" => Commands::close(4003, "you are out"),
            Frame::Text(text) => {
                socket.broadcast(&self.name, "said", text);
                Commands::none()
            }
            _ => Commands::none(),
        }
    }

    async fn info(&mut self, info: Info, _socket: &Socket) -> Commands {
        match info {
            Info::Broadcast(message) => Commands::send(message.payload),
            _ => Commands::none(),
        }
    }
}

/// The page of the guide, served as it says.
fn served() -> Server {
    let blocks = GuidePage::read(File::new("docs/recipes/client.md")).blocks();
    let code = |language: &str, number: usize| {
        let mut of_language = blocks.iter().filter(|block| block.info == language);
        of_language.nth(number).expect("the page has that code").text.clone()
    };
    Project::new()
        .file("assets/client.js", &code("js", 0))
        .file("assets/chat.js", &code("js", 1))
        .file(
            "assets/index.html",
            &format!("<!doctype html><link rel=\"icon\" href=\"data:,\">{}", code("html", 0)),
        )
        .serve(|| {
            App::new(|| {
                let group = Group::new("/").assets("/assets", "assets");
                Routes::new().group(group.ws("/chat/{room}", init))
            })
        })
}

#[test]
fn the_guides_client_comes_back_where_it_should() {
    let Some(browser) = Browser::start() else { return };
    let server = served();
    let page = browser.open(&format!("http://{}/assets/index.html", server.address()));
    let state = |text: &str| page.sees(&format!("document.querySelector('#state').innerText === '{text}'"));
    let hears = |text: &str, times: usize| {
        page.sees(&format!(
            "[...document.querySelectorAll('#log li')].filter(line => line.innerText === '{text}').length === {times}"
        ));
    };
    let says = |text: &str| {
        page.evaluate("document.querySelector('#say input').focus()");
        page.types(text);
    };
    state("connected");
    hears("somebody is here", 1);
    says("hello");
    hears("hello", 1);
    page.sees("document.querySelector('#say input').value === ''");

    // As the server says, and later each time; its room is joined again, by the server.
    for (end, times) in [("restart", 2), ("fail", 3)] {
        says(end);
        hears("somebody is here", times);
        state("connected");
    }
    says("back");
    hears("back", 1);

    says("enough");
    state("you are out");
    assert_eq!(page.complaints(), Vec::<String>::new());
}
