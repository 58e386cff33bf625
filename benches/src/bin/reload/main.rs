//! From a save to the first changed response: `nova serve` beside what has to be done anyway (`cargo build`, and the new
//! program in place of the old one) and beside `cargo watch -x run`, by turns in the same run; and what becomes of requests
//! and of open WebSockets meanwhile.
//!
//! The application is what `nova new` and `nova gen ws-handler` write, in a temporary directory; each way has one of its
//! own. An edit is another string, and other lines below it, in a file that takes the old one's place. Let nothing else run.

mod load;
mod project;
mod socket;
mod subject;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use nova_benches::applications::{Edit, build_nova};
use nova_benches::children::{self, Scratch};
use nova_benches::{Result, Samples, machine};

use project::Project;
use socket::{Answer, Socket};
use subject::{Served, Subject, Way};

#[derive(Parser)]
struct Flags {
    /// How many edits each way is measured with
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// The command cargo-watch, where it is not in the path
    #[arg(long)]
    cargo_watch: Option<PathBuf>,
    /// How many saves are made under load; none leaves that out
    #[arg(long, default_value_t = 20)]
    saves: usize,
    /// How many requests a second that load has, on fresh connections and on kept ones each
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// How many WebSockets are open meanwhile
    #[arg(long, default_value_t = 1000)]
    sockets: usize,
    /// How many WebSockets are moved by one save at the end; none leaves that out
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// Measures applications of so many controllers too, with each kind of edit, such as 8,40,200
    #[arg(long, value_delimiter = ',')]
    controllers: Vec<usize>,
}

/// Between two edits, so that what the last one left to do is done.
const REST: Duration = Duration::from_secs(1);
/// Between two messages on the WebSocket that is open over the edits.
const MESSAGES: Duration = Duration::from_millis(3);
/// How long a WebSocket may take to tell what a response has told.
const PATIENCE: Duration = Duration::from_secs(15);

fn main() -> Result<()> {
    let flags = Flags::parse();
    children::end_with_signals()?;
    let files = machine::open_many_files()?;
    if flags.connections.max(flags.sockets) as u64 + 200 > files {
        return Err(format!("a process may open no more than {files} files here").into());
    }
    let nova = build_nova()?;
    let cargo_watch = flags.cargo_watch.clone().or_else(|| in_path("cargo-watch"));
    if cargo_watch.is_none() {
        println!("cargo-watch is not in the path: `cargo install cargo-watch`, or name it by --cargo-watch");
    }
    let scratch = Scratch::new()?;
    let mut ways = vec![("bare", Way::Bare), ("served", Way::Nova(nova.clone()))];
    ways.extend(cargo_watch.map(|path| ("watched", Way::CargoWatch(path))));
    let subjects: Result<Vec<_>> = ways
        .iter()
        .map(|(name, way)| Subject::start(way, Project::new(&nova, scratch.path(), name)?))
        .collect();
    let mut subjects = subjects?;
    edits(&mut subjects, flags.rounds)?;
    // What is measured from here on is Nova's own.
    let mut served = subjects.swap_remove(1);
    drop(subjects);
    if flags.saves > 0 {
        load::run(&mut served, flags.saves, flags.rate, flags.sockets)?;
    }
    if flags.connections > 0 {
        load::many(&mut served, flags.connections)?;
    }
    drop(served);
    for &controllers in &flags.controllers {
        for edit in Edit::ALL {
            sizes(&nova, scratch.path(), controllers, edit, flags.rounds)?;
        }
    }
    Ok(())
}

/// The same edit by every way, by turns; and the WebSocket that is open over those of `nova serve`.
fn edits(subjects: &mut [Subject], rounds: usize) -> Result<()> {
    let mut times = vec![Samples::default(); subjects.len()];
    let mut refused = vec![Samples::default(); subjects.len()];
    let (mut by_bare, mut by_nova) = (Samples::default(), Samples::default());
    let (mut on_socket, mut socket_by_bare, mut closed) = (Samples::default(), Samples::default(), 0);
    let mut socket = None;
    for round in 0..=rounds {
        let mut served = vec![None; subjects.len()];
        let mut told = None;
        for turn in 0..subjects.len() {
            let number = (turn + round) % subjects.len();
            thread::sleep(REST);
            served[number] = Some(if number == 1 {
                let (one, after) = with_socket(&mut subjects[1], &mut socket)?;
                told = after;
                one
            } else {
                let saved = subjects[number].save()?;
                subjects[number].serve(saved)?
            });
        }
        // The first edit makes what all others find made.
        if round == 0 {
            continue;
        }
        let served: Vec<Served> = served.into_iter().flatten().collect();
        for (number, served) in served.iter().enumerate() {
            times[number].push_time(served.time);
            refused[number].push_time(served.refused);
        }
        by_bare.push(ratio(served[1].time, served[0].time));
        if let Some(watched) = served.get(2) {
            by_nova.push(ratio(watched.time, served[1].time));
        }
        match told {
            Some(time) => {
                on_socket.push_time(time);
                socket_by_bare.push(ratio(time, served[0].time));
            }
            None => closed += 1,
        }
    }
    println!("save → first changed response, s, and how long nothing was accepted, s");
    for (number, name) in ["bare cargo build", "nova serve", "cargo watch -x run"]
        .iter()
        .enumerate()
    {
        if let (Some(times), Some(refused)) = (times.get(number), refused.get(number)) {
            println!("  {name}: {}, {}", times.brief(2), refused.brief(2));
        }
    }
    println!("  nova serve / bare: {}", by_bare.brief(2));
    println!("  cargo watch / nova serve: {}", by_nova.brief(2));
    println!(
        "save → changed answer on an open WebSocket, s: {}; / bare: {}; closed by {closed} of {rounds} edits",
        on_socket.brief(2),
        socket_by_bare.brief(2)
    );
    Ok(())
}

/// Saves twice, with a WebSocket open. Says when the first response told the first edit, and when the WebSocket told the
/// second: never, where it was closed. In place of requests it asks then: each way asks one question at a time.
fn with_socket(subject: &mut Subject, socket: &mut Option<Socket>) -> Result<(Served, Option<Duration>)> {
    let mut open = match socket.take() {
        Some(open) => open,
        None => Socket::open(subject.address(), 1)?.pop().ok_or("no connection")?,
    };
    let saved = subject.save()?;
    let served = subject.serve(saved)?;
    thread::sleep(REST);
    let saved = subject.save()?;
    let told = subject.told();
    while saved.elapsed() < PATIENCE {
        match open.exchange() {
            Answer::Told(text) if text == told => {
                let time = saved.elapsed();
                *socket = Some(open);
                return Ok((served, Some(time)));
            }
            Answer::Told(_) => thread::sleep(MESSAGES),
            Answer::Wrong(_) | Answer::Closed => break,
        }
    }
    // What was saved is served before the next edit.
    subject.serve(saved)?;
    Ok((served, None))
}

/// An application of many controllers, built bare and served, by turns.
fn sizes(nova: &Path, directory: &Path, controllers: usize, edit: Edit, rounds: usize) -> Result<()> {
    let project = |way: &str| {
        let name = format!("{way}_{controllers}_{}", edit.name());
        Project::of_controllers(nova, directory, &name, controllers, edit)
    };
    let mut bare = Subject::start(&Way::Bare, project("bare")?)?;
    let mut served = Subject::start(&Way::Nova(nova.to_owned()), project("nova")?)?;
    let (mut times, mut ratios) = (Samples::default(), Samples::default());
    for round in 0..=rounds {
        let mut took = [Duration::ZERO; 2];
        let mut order = [(0, &mut bare), (1, &mut served)];
        order.rotate_left(round % 2);
        for (number, subject) in order {
            thread::sleep(REST);
            let saved: Instant = subject.save()?;
            took[number] = subject.serve(saved)?.time;
        }
        if round > 0 {
            times.push_time(took[1]);
            ratios.push(ratio(took[1], took[0]));
        }
    }
    println!(
        "{controllers} controllers, {}: save → first changed response {} s, / bare {}",
        edit.name(),
        times.brief(2),
        ratios.brief(2)
    );
    Ok(())
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|program| program.is_file())
}
