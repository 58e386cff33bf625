//! The applications that are edited: what `nova new` writes, with a WebSocket handler, or one of many controllers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nova_benches::applications::{Application, EDITED_URL, Edit, Framework, save, workspace};
use nova_benches::{Result, children};

/// An application whose every edit is told by a response.
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) program: PathBuf,
    /// What is asked for.
    pub(crate) url: &'static str,
    edit: Box<dyn Fn(usize) -> Result<()>>,
}

/// What a response has in it from this edit on.
pub(crate) fn told(number: usize) -> String {
    format!("edit {number}.")
}

impl Project {
    /// `nova new`, and `nova gen ws-handler chat`, whose handler counts what it is sent and answers with that, with the
    /// message, and with a constant of the file that is edited.
    pub(crate) fn new(nova: &Path, directory: &Path, name: &str) -> Result<Self> {
        children::run(
            Command::new(nova)
                .args(["new", name, "--no-git", "--nova-path"])
                .arg(workspace()?.join("runtime"))
                .current_dir(directory),
        )?;
        let root = directory.join(name);
        children::run(
            Command::new(nova)
                .args(["gen", "ws-handler", "chat"])
                .current_dir(&root),
        )?;
        let chat = root.join("src/ws/chat.rs");
        fs::write(&chat, counting(&fs::read_to_string(&chat)?)?)?;
        let home = root.join("src/controllers/home.rs");
        let project = Self {
            target: directory.join("target"),
            program: directory.join("target/debug").join(name),
            root,
            url: "/",
            edit: Box::new(move |number| Ok(save(&home, &page(number))?)),
        };
        project.edit(0)?;
        Ok(project)
    }

    /// An application of many controllers, of which one is edited in this way.
    pub(crate) fn of_controllers(
        nova: &Path,
        directory: &Path,
        name: &str,
        controllers: usize,
        edit: Edit,
    ) -> Result<Self> {
        let nova_framework = Framework::Nova(workspace()?.join("runtime"));
        let application = Application::write(nova, &nova_framework, directory, name, controllers)?;
        Ok(Self {
            root: application.root().to_owned(),
            target: application.target().to_owned(),
            program: application.program(),
            url: EDITED_URL,
            edit: Box::new(move |number| application.edit(number, edit)),
        })
    }

    /// Saves the edited file with what this edit is told by.
    pub(crate) fn edit(&self, number: usize) -> Result<()> {
        (self.edit)(number)
    }

    /// Builds it as its owner would.
    pub(crate) fn build(&self) -> Result<()> {
        children::run(
            Command::new("cargo")
                .args(["build", "--quiet"])
                .env("CARGO_TARGET_DIR", &self.target)
                .current_dir(&self.root),
        )?;
        Ok(())
    }
}

/// The file that is edited.
fn page(number: usize) -> String {
    format!(
        "//! The home page.\n\nuse nova::prelude::*;\n\n{}/// Which edit this is.\npub const EDIT: &str = \
         \"{}\";\n\n/// `GET /`\npub async fn index() -> Reply {{\n    Reply::status(200).with_body(EDIT)\n}}\n",
        "// A line more, so that the lines below move.\n".repeat(number % 3),
        told(number),
    )
}

/// The generated handler, made to count. What else it has stays as it was generated.
fn counting(handler: &str) -> Result<String> {
    let changes = [
        (
            "use nova::prelude::*;\n",
            "use nova::prelude::*;\n\nuse crate::controllers::home::EDIT;\n",
        ),
        ("    channel: String,\n", "    channel: String,\n    seen: u64,\n"),
        ("Self { channel }", "Self { channel, seen: 0 }"),
        (
            "socket.broadcast(&self.channel, \"message\", text);",
            "self.seen += 1;\n            let _ = (&self.channel, socket);\n            return Commands::send(format!(\"{} \
             {text} {EDIT}\", self.seen));",
        ),
    ];
    let (handler, _tests) = handler.split_once("#[cfg(test)]").unwrap_or((handler, ""));
    let mut text = handler.to_owned();
    for (from, to) in changes {
        if !text.contains(from) {
            return Err(format!("the generated handler has no `{}`", from.trim()).into());
        }
        text = text.replacen(from, to, 1);
    }
    Ok(text)
}
