//! The guide's first hour, carried out: its commands are run, its files are written, in the order of the page. The chat is
//! edited while the application is served and somebody is connected.

use std::fs;
use std::path::Path;

use nova_tests::guide::{Block, Page};
use tungstenite::Message;

use crate::kit::serve::Client;
use crate::kit::{Project, Serve};

const CHAT: &str = "src/ws/chat.rs";

/// Somebody who does what the page says.
#[derive(Default)]
struct Reader {
    project: Option<Project>,
    /// From `nova serve` until the chat was edited: what is written later is built by the tests alone.
    serve: Option<Serve>,
    socket: Option<Client>,
    /// What was said to what was done last.
    said: String,
}

impl Reader {
    fn project(&self) -> &Project {
        self.project.as_ref().expect("the page begins with `nova new`")
    }

    /// Types a command.
    fn types(&mut self, line: &str) {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            ["nova", "new", name] => {
                let (project, said) = Project::announced(name);
                self.said = said;
                self.project = Some(project);
            }
            ["cd", name] => assert!(self.project().root().ends_with(name), "{line}"),
            ["nova", "serve"] => {
                let mut serve = self.project().serve();
                self.said = serve.heard();
                self.serve = Some(serve);
            }
            ["nova", ..] => {
                let run = self.project().nova(&line["nova ".len()..]).succeeded();
                self.said = run.stderr + &run.stdout;
            }
            ["cargo", ..] => drop(self.project().cargo(&line["cargo ".len()..]).succeeded()),
            _ => panic!("the page says to run {line:?}, and this test does not know how"),
        }
        if line == "nova gen ws-handler chat" {
            let serve = self.serve.as_mut().unwrap();
            serve.has_reloaded();
            self.socket = Some(serve.websocket("/chat/lobby"));
            self.says_and_hears("tea", "tea");
        }
    }

    /// Writes a file that the page shows: its first line is a comment that names it.
    fn writes(&mut self, block: &Block) {
        let (first, text) = block.text.split_once('\n').unwrap();
        let path = match (first.strip_prefix("// "), first.strip_prefix("{{!-- ")) {
            (Some(path), _) => path,
            (None, Some(path)) => path.trim_end_matches(" --}}"),
            (None, None) => panic!("docs/first-hour.md:{}: the block names no file", block.line),
        };
        let whole = self.project().root().join(path);
        assert!(whole.parent().unwrap().is_dir(), "{path}");
        fs::write(whole, text).unwrap();
        if let (CHAT, Some(mut serve)) = (path, self.serve.take()) {
            serve.has_reloaded();
            self.says_and_hears("tea", "somebody: tea");
            self.said = serve.heard();
        }
    }

    /// Looks for what the page shows of a terminal: these lines, in this order. Others may stand where the page has three
    /// dots, and before and behind. Numbers are a machine's own.
    fn sees(&self, block: &Block) {
        let said: Vec<_> = self.said.lines().map(without_numbers).collect();
        let (mut rest, mut others_may_come) = (&said[..], true);
        for line in block.text.lines().map(without_numbers) {
            if line.trim() == "…" {
                others_may_come = true;
                continue;
            }
            let found = rest.iter().position(|it| *it == line);
            let Some(found) = found.filter(|&found| others_may_come || found == 0) else {
                panic!("docs/first-hour.md:{}: {line:?} in:\n{}", block.line, self.said);
            };
            (rest, others_may_come) = (&rest[found + 1..], false);
        }
    }

    /// On the connection that was made before the edit.
    fn says_and_hears(&mut self, said: &str, heard: &str) {
        let socket = self.socket.as_mut().unwrap();
        socket.send(Message::text(said)).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text(heard));
    }
}

/// The line with one sign for each number, with or without a point in it.
fn without_numbers(line: &str) -> String {
    let mut plain = String::new();
    for letter in line.trim_end().chars() {
        let is_number = letter.is_ascii_digit() || letter == '.' && plain.ends_with('#');
        if !is_number {
            plain.push(letter);
        } else if !plain.ends_with('#') {
            plain.push('#');
        }
    }
    plain
}

#[test]
fn the_first_hour_of_the_guide_can_be_carried_out() {
    let mut reader = Reader::default();
    for block in Page::read(Path::new("docs/first-hour.md")).blocks() {
        match &*block.info {
            "sh" => block.text.lines().for_each(|line| reader.types(line)),
            "rust" | "handlebars" => reader.writes(&block),
            "text" => reader.sees(&block),
            _ => {}
        }
    }
    assert!(
        reader.socket.is_some() && reader.serve.is_none(),
        "the chat was not edited while it was served"
    );
    // What it shows is written as the tools have it.
    reader.project().cargo("fmt --check").succeeded();
    reader
        .project()
        .cargo("clippy --all-targets -- -D warnings")
        .succeeded();
}
