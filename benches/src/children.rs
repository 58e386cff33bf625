//! Processes and directories of a run that leaves none behind: not when it fails, and not at ctrl-c.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use crate::Result;

/// How long a process that was asked to end may take, before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// What is to be ended and removed when a signal ends this process.
static LEFT: Mutex<Left> = Mutex::new(Left {
    groups: Vec::new(),
    directories: Vec::new(),
});

struct Left {
    groups: Vec<Pid>,
    directories: Vec<PathBuf>,
}

/// What a command took.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// From its start to its end.
    pub time: Duration,
    /// Of it and all that it started and waited for, on all cores, in steps of the kernel's ticks of 10 ms.
    pub cpu: Duration,
}

/// A process with all that it starts, which are ended when this is dropped.
#[derive(Debug)]
pub struct Group {
    leader: Child,
    id: Pid,
}

/// A temporary directory, which is removed when this is dropped.
#[derive(Debug)]
pub struct Scratch(TempDir);

/// Lets SIGINT and SIGTERM end what is registered here, and then this process.
///
/// # Errors
/// When the system refuses.
pub fn end_with_signals() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let entered = runtime.enter();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    drop(entered);
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        // It stays locked: nothing is started from now on.
        if let Ok(left) = LEFT.lock() {
            for group in &left.groups {
                end(*group, || false);
            }
            for directory in &left.directories {
                let _ = fs::remove_dir_all(directory);
            }
        }
        std::process::exit(130);
    });
    Ok(())
}

/// Runs a command to its end.
///
/// # Errors
/// When it fails, with what it said.
pub fn run(command: &mut Command) -> Result<Cost> {
    let (before, start) = (cpu_time_of_children()?, Instant::now());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = Group::start(command)?.output()?;
    let time = start.elapsed();
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let cpu = cpu_time_of_children()?.saturating_sub(before);
    Ok(Cost { time, cpu })
}

impl Group {
    /// Starts a command in a group of its own.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        let mut left = LEFT.lock().map_err(|_| "the run has ended")?;
        let leader = command
            .process_group(0)
            .spawn()
            .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        let id = Pid::from_child(&leader);
        left.groups.push(id);
        Ok(Self { leader, id })
    }

    /// The process itself, to read what it says.
    pub fn leader(&mut self) -> &mut Child {
        &mut self.leader
    }

    /// Kills it at once, with its group.
    pub fn kill(mut self) {
        let _ = kill_process_group(self.id, Signal::KILL);
        let _ = self.leader.wait();
    }

    fn output(mut self) -> Result<Output> {
        let (mut stdout, mut stderr) = (self.leader.stdout.take(), self.leader.stderr.take());
        let errors = thread::spawn(move || read(stderr.as_mut()));
        let stdout = read(stdout.as_mut())?;
        let stderr = errors.join().map_err(|_| "a thread has panicked")??;
        let status = self.leader.wait()?;
        Ok(Output { status, stdout, stderr })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let leader = &mut self.leader;
        if !matches!(leader.try_wait(), Ok(Some(_))) {
            end(self.id, || matches!(leader.try_wait(), Ok(Some(_))));
            let _ = leader.wait();
        }
        if let Ok(mut left) = LEFT.lock() {
            left.groups.retain(|group| *group != self.id);
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Ok(mut left) = LEFT.lock() {
            left.directories.retain(|directory| directory != self.0.path());
        }
    }
}

impl Scratch {
    /// A new, empty one.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut left = LEFT.lock().map_err(|_| "the run has ended")?;
        left.directories.push(directory.path().to_owned());
        drop(left);
        Ok(Self(directory))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Asks a group's first process to end what it has started, and kills what is left of it.
fn end(group: Pid, mut has_ended: impl FnMut() -> bool) {
    let family = family(group);
    let _ = kill_process(group, Signal::TERM);
    let start = Instant::now();
    while !has_ended() && family.iter().any(Process::is_alive) && start.elapsed() < GRACE {
        thread::sleep(Duration::from_millis(10));
    }
    let _ = kill_process_group(group, Signal::KILL);
    for process in family.iter().filter(|process| process.is_alive()) {
        let _ = kill_process(process.id, Signal::KILL);
    }
}

/// One process, which another of the same number is not.
#[derive(Clone, Copy)]
struct Process {
    id: Pid,
    parent: Option<Pid>,
    started: u64,
}

impl Process {
    fn find(id: Pid) -> Option<Self> {
        let fields = stat(id.as_raw_nonzero().get()).ok()?;
        let number = |index: usize| fields.get(index)?.parse().ok();
        // One that has ended and is not waited for yet is nothing to kill.
        if fields.first()? == "Z" {
            return None;
        }
        Some(Self {
            id,
            parent: fields.get(1)?.parse().ok().and_then(Pid::from_raw),
            started: number(19)?,
        })
    }

    fn is_alive(&self) -> bool {
        Self::find(self.id).is_some_and(|process| process.started == self.started)
    }
}

/// What a process has started, and what that has, and so on; without itself.
fn family(root: Pid) -> Vec<Process> {
    let all: Vec<Process> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok().and_then(Pid::from_raw))
        .filter_map(Process::find)
        .collect();
    let mut found = Vec::new();
    let mut parents = vec![root];
    while !parents.is_empty() {
        let children = all
            .iter()
            .filter(|process| process.parent.is_some_and(|parent| parents.contains(&parent)));
        let children: Vec<Process> = children.copied().collect();
        parents = children.iter().map(|process| process.id).collect();
        found.extend(children);
    }
    found
}

/// The fields of `/proc/[pid]/stat` that follow the name, which may have anything in it.
fn stat(process: impl std::fmt::Display) -> Result<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = text.rsplit_once(')').ok_or("a process without a name")?;
    Ok(fields.split_whitespace().map(str::to_owned).collect())
}

/// What children that were waited for have run, with what these have waited for.
fn cpu_time_of_children() -> Result<Duration> {
    let fields = stat("self")?;
    let ticks = |index: usize| Ok::<_, Box<dyn std::error::Error + Send + Sync>>(fields[index].parse::<u64>()?);
    let ticks = ticks(13)? + ticks(14)?;
    Ok(Duration::from_millis(ticks * 1000 / clock_ticks_per_second()))
}

fn read(output: Option<&mut impl io::Read>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(output) = output {
        output.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
