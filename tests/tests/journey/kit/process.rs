//! A child process with the group that it leads, and a look at the processes of the system.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::eventually;

/// How long a child that the test has done with may take to end in order.
const GRACE: Duration = Duration::from_secs(5);

/// A child that leads a process group. What is left of the group is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Leader(Child);

impl Leader {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.process_group(0).spawn().unwrap())
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    /// Sends a signal to the child alone.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Sends a signal to the whole group, as a terminal does.
    pub(crate) fn signal_group(&self, signal: Signal) {
        kill_process_group(self.pid(), signal).unwrap();
    }

    #[track_caller]
    pub(crate) fn end(&mut self) -> ExitStatus {
        eventually("the process ends", || self.0.try_wait().unwrap().is_some());
        self.0.wait().unwrap()
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        // The signals fail where all have ended already. Until the child is waited for, its number is its own.
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = kill_process(self.pid(), Signal::TERM);
            let deadline = Instant::now() + GRACE;
            while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.0.wait();
    }
}

/// What runs with its working directory at or below `directory`: the number and the command line of each process.
pub(crate) fn running_in(directory: &Path) -> Vec<(i32, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // One that has ended, or is somebody else's, has no such link.
        let is_there = fs::read_link(entry.path().join("cwd")).is_ok_and(|at| at.starts_with(directory));
        if is_there {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.push((number, String::from_utf8_lossy(&line).replace('\0', " ")));
        }
    }
    found
}
