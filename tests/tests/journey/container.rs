//! The `Dockerfile` of `nova new --docker`, carried out without a container: each stage has a directory that stands for its
//! root, and what runs at the end has what was copied there and nothing else.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use crate::kit::command::{prepare, target};
use crate::kit::{Project, Serve};

/// A user who may do nothing: `nobody`.
const NOBODY: u32 = 65534;

#[derive(Debug, Default)]
struct Stage {
    root: PathBuf,
    work: PathBuf,
    users: String,
    user: Option<String>,
    port: Option<u16>,
    volume: Option<PathBuf>,
    variables: Vec<(String, String)>,
    command: Vec<String>,
}

impl Stage {
    /// Where a path of the stage is here.
    fn path(&self, path: &str) -> PathBuf {
        match path.strip_prefix('/') {
            Some(path) => self.root.join(path),
            None => self.work.join(path),
        }
    }

    fn run(&mut self, line: &str) {
        if line.starts_with("useradd ") {
            self.users += line;
            return;
        }
        let line = line.replace(" /", &format!(" {}/", self.root.display()));
        // There is no such user here, and only root may give away what is its own.
        let line = match line.split_once("chown app ") {
            Some((line, path)) if rustix::process::geteuid().is_root() => format!("{line}chown {NOBODY} {path}"),
            Some((line, _)) => format!("{line}true"),
            None => line,
        };
        // Where all that tests generate is built, without optimisation: a release build of every dependency takes a minute.
        let (release, debug) = ("target/release/", format!("{}/debug/", target().display()));
        let line = line
            .replace("cargo build --release ", "cargo build ")
            .replace(release, &debug);
        let mut shell = Command::new("sh");
        prepare(shell.args(["-c", &line]), &self.work);
        assert!(shell.status().unwrap().success(), "{line}");
    }
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-r").args([from, to]).status().unwrap();
    assert!(copied.success(), "{} to {}", from.display(), to.display());
}

/// Carries the file out, and gives its last stage.
fn carried_out(project: &Project, below: &Path) -> Stage {
    let mut stage = Stage::default();
    let text = project.read("Dockerfile").replace("\\\n", " ");
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (instruction, rest) = line.split_once(' ').unwrap();
        let words: Vec<_> = rest
            .split_whitespace()
            .filter(|word| !word.starts_with("--mount="))
            .collect();
        match (instruction, &words[..]) {
            ("FROM", [_, name @ ..]) => {
                let root = below.join(name.last().unwrap_or(&"last"));
                fs::create_dir(&root).unwrap();
                stage = Stage {
                    work: root.clone(),
                    root,
                    ..Stage::default()
                };
            }
            ("WORKDIR", [path]) => {
                stage.work = stage.path(path);
                fs::create_dir_all(&stage.work).unwrap();
            }
            ("COPY", [".", "."]) => copy(&project.root().join("."), &stage.work),
            ("COPY", [from, path, to]) => {
                let built = below.join(from.strip_prefix("--from=").unwrap());
                copy(&built.join(path.trim_start_matches('/')), &stage.path(to));
            }
            ("COPY", [path, to]) => copy(&project.root().join(path), &stage.path(to)),
            ("RUN", words) => stage.run(&words.join(" ")),
            ("USER", [name]) => stage.user = Some((*name).to_owned()),
            ("VOLUME", [path]) => stage.volume = Some(stage.path(path)),
            ("ENV", [pair]) => {
                let (name, value) = pair.split_once('=').unwrap();
                let here = format!("sqlite://{}/", stage.root.display());
                stage
                    .variables
                    .push((name.to_owned(), value.replace("sqlite:///", &here)));
            }
            ("EXPOSE", [port]) => stage.port = Some(port.parse().unwrap()),
            ("CMD", _) => stage.command = serde_json::from_str(rest).unwrap(),
            _ => panic!("this test does not know {line:?}"),
        }
    }
    stage
}

#[test]
fn a_containers_file_builds_what_runs_as_nobody_and_ends_at_sigterm() {
    let project = Project::new_with("boxed", &["--docker", "--db", "sqlite"]);
    let below = tempfile::tempdir().unwrap();
    fs::set_permissions(below.path(), Permissions::from_mode(0o755)).unwrap();
    let stage = carried_out(&project, below.path());
    let user = stage.user.as_deref().expect("it does not run as root");
    assert!(stage.users.ends_with(user), "{user} is made: {}", stage.users);
    let settings: toml::Table = project.read("nova.toml").parse().unwrap();
    assert_eq!(settings["server"]["port"].as_integer(), stage.port.map(i64::from));

    let mut command = Command::new(stage.work.join(&stage.command[0]));
    prepare(&mut command, &stage.work);
    // As a release build is by itself.
    command.env("NOVA_ENV", "prod").envs(stage.variables.clone());
    command.args(&stage.command[1..]).env("NOVA_SERVER_PORT", "0");
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut serve = Serve::start(command);
    serve.listens();
    assert!(serve.address().ip().is_unspecified(), "from outside of the container");
    let home = serve.get("/");
    assert!(home.status == 200 && home.text().contains("Your application is up."));
    assert_eq!(serve.get("/assets/app.css").status, 200);
    assert_eq!(serve.get("/__nova/").status, 404, "it is in production");
    let volume = stage.volume.expect("a database outlives its container");
    assert!(volume.join("boxed.db").is_file());
    serve.process.signal(Signal::TERM);
    assert_eq!(serve.process.end().code(), Some(0));
}
