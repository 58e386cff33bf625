//! The command's figures: how long `nova new`, `gen` and `destroy` take, how many crates are built, how long the first build
//! takes, and how soon an edit is served, beside a bare `cargo build` of the same edit in the same run.
//!
//! Everything is built afresh in a temporary directory, so a run takes some minutes. Let nothing else run meanwhile.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nova_benches::{Result, Samples};

/// Runs of what takes milliseconds.
const QUICK_RUNS: usize = 21;
/// Rounds of the edit loop, each a bare build and a served edit.
const ROUNDS: usize = 9;
/// How long an edit may take to be served.
const PATIENCE: Duration = Duration::from_mins(1);

fn main() -> Result<()> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    run(Command::new("cargo")
        .args(["build", "--release", "-p", "nova-framework-cli"])
        .current_dir(&workspace))?;
    let nova = target_directory(&workspace).join("release/nova");
    let directory = tempfile::tempdir()?;

    println!(
        "crates, the command:             {}",
        crates(&workspace, "nova-framework-cli")?
    );
    quick(&nova, directory.path())?;

    let served = new_app(&nova, directory.path(), "served")?;
    println!("crates, a generated application: {}", crates(&served, "served")?);
    let start = Instant::now();
    run(&mut cargo_build(&served))?;
    println!("first build, s:                  {:.1}", start.elapsed().as_secs_f64());

    let bare = new_app(&nova, directory.path(), "bare")?;
    run(&mut cargo_build(&bare))?;
    edits(&nova, &bare, &served)
}

/// A new application with a handler, whose home page is text that an edit can be told by.
fn new_app(nova: &Path, directory: &Path, name: &str) -> Result<PathBuf> {
    run(Command::new(nova)
        .args(["new", name, "--no-git"])
        .current_dir(directory))?;
    let app = directory.join(name);
    run(Command::new(nova).args(["gen", "ws-handler", "chat"]).current_dir(&app))?;
    edit(&app, 0)?;
    Ok(app)
}

/// What takes milliseconds: a new project, what is generated into it, and what is taken back.
fn quick(nova: &Path, directory: &Path) -> Result<()> {
    const IN_A_PROJECT: [&str; 4] = [
        "gen controller posts index show",
        "gen ws-handler chat",
        "gen resource article title:string pages:int --views",
        "destroy resource article",
    ];
    let mut new = Samples::default();
    let mut others = IN_A_PROJECT.map(|_| Samples::default());
    for number in 0..QUICK_RUNS {
        let name = format!("quick{number}");
        new.push_time(run(Command::new(nova).args(["new", &name]).current_dir(directory))?);
        let app = directory.join(name);
        for (line, samples) in IN_A_PROJECT.iter().zip(&mut others) {
            samples.push_time(run(Command::new(nova).args(line.split(' ')).current_dir(&app))?);
        }
    }
    println!("nova new, ms:                    {}", new.scaled(1000.0));
    for (line, samples) in IN_A_PROJECT.iter().zip(&others) {
        let words: Vec<&str> = line.split(' ').take(2).collect();
        let what = format!("nova {}, ms:", words.join(" "));
        println!("{what:<32} {}", samples.scaled(1000.0));
    }
    Ok(())
}

/// The same edit in two equal projects, by turns: built by cargo alone, and served by `nova serve`.
fn edits(nova: &Path, bare: &Path, served: &Path) -> Result<()> {
    let server = Server::start(nova, served)?;
    let (mut build, mut serve, mut ratio) = (Samples::default(), Samples::default(), Samples::default());
    for round in 1..=ROUNDS {
        edit(bare, round)?;
        let built = run(&mut cargo_build(bare))?;
        let start = Instant::now();
        edit(served, round)?;
        server.wait_for(&format!("edit {round}."))?;
        let answered = start.elapsed();
        build.push_time(built);
        serve.push_time(answered);
        ratio.push(answered.as_secs_f64() / built.as_secs_f64());
    }
    println!("edit, bare cargo build, s:       {build}");
    println!("edit, first changed response, s: {serve}");
    println!("ratio:                           {ratio}");
    Ok(())
}

/// Writes a home controller that says which edit it is, as editors do: to a new file, which then takes the old one's place.
fn edit(app: &Path, number: usize) -> Result<()> {
    let path = app.join("src/controllers/home.rs");
    let text = format!(
        "//! The home page.\n\nuse nova::prelude::*;\n\n{}/// The text.\npub async fn index() -> Reply {{\n    \
         Reply::status(200).with_body(\"edit {number}.\")\n}}\n",
        "// A line more, so that the lines below move.\n".repeat(number % 3),
    );
    let new = path.with_extension("new");
    std::fs::write(&new, text)?;
    std::fs::rename(new, path)?;
    Ok(())
}

/// `nova serve`, ended when it is dropped.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(nova: &Path, app: &Path) -> Result<Self> {
        let mut process = Command::new(nova)
            .args(["serve", "--port", "0"])
            .current_dir(app)
            .env_remove("CARGO_TARGET_DIR")
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = process.stderr.take().ok_or("no standard error")?;
        let mut lines = BufReader::new(stderr).lines();
        let address = loop {
            let line = lines.next().ok_or("nova serve has ended")??;
            if let Some((_, rest)) = line.split_once("http://") {
                break rest.split_whitespace().next().unwrap_or_default().to_owned();
            }
        };
        // What follows is read, so that nova never waits for it.
        std::thread::spawn(move || lines.for_each(drop));
        let server = Self { process, address };
        server.wait_for("edit 0.")?;
        Ok(server)
    }

    fn wait_for(&self, text: &str) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if self.get().is_ok_and(|body| body.ends_with(text)) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(format!("{text} was not served within {PATIENCE:?}").into())
    }

    fn get(&self) -> Result<String> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        Ok(response)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A signal that lets it end its application; without `kill` it is cut, and the application notices.
        let pid = self.process.id().to_string();
        if run(Command::new("kill").args(["-TERM", &pid])).is_err() {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

/// How many crates a package builds from, itself included.
fn crates(directory: &Path, package: &str) -> Result<usize> {
    let output = Command::new("cargo")
        .args([
            "tree",
            "-p",
            package,
            "-e",
            "normal,build",
            "--prefix",
            "none",
            "--no-dedupe",
        ])
        .current_dir(directory)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    // The name and the version: what follows says how the crate is used.
    let crates: BTreeSet<Vec<&str>> = text.lines().map(|line| line.split(' ').take(2).collect()).collect();
    Ok(crates.len())
}

fn target_directory(workspace: &Path) -> PathBuf {
    workspace.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into()))
}

/// A build of an application in a directory of its own: elsewhere may be what an earlier one has built.
fn cargo_build(app: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--quiet"])
        .current_dir(app)
        .env_remove("CARGO_TARGET_DIR");
    cargo
}

/// Runs a command to its end, and says how long it took.
fn run(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output()?;
    let took = start.elapsed();
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(took)
}
