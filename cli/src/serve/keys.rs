//! Keys, where standard input is a terminal: single letters, without the return key.
//!
//! Only line editing and echo are switched off: ctrl-c and the others still are signals. The terminal is left as it was
//! found, however the command ends, save by SIGKILL.

use std::io::{IsTerminal as _, Read as _};
use std::os::fd::AsFd as _;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, getpgrp, getpid, kill_process};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::sync::mpsc;

/// Keys that wait to be read; somebody who leans on one does not fill memory.
const WAITING: usize = 16;

/// How often a command in the background looks whether it is in the foreground again.
const IN_BACKGROUND: Duration = Duration::from_millis(200);

/// What there is to press.
pub(super) const HELP: &str = "r rebuild · o open in the browser · c clear · q quit · ? help";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Rebuild,
    Open,
    Clear,
    Quit,
    Help,
}

impl Key {
    fn of(byte: u8) -> Option<Self> {
        match byte.to_ascii_lowercase() {
            b'r' => Some(Self::Rebuild),
            b'o' => Some(Self::Open),
            b'c' => Some(Self::Clear),
            b'q' => Some(Self::Quit),
            b'?' | b'h' => Some(Self::Help),
            _ => None,
        }
    }
}

/// The keyboard, if there is one.
#[derive(Debug)]
pub(super) struct Keys(Option<Keyboard>);

#[derive(Debug)]
struct Keyboard {
    found: Termios,
    keys: mpsc::Receiver<Key>,
    suspend: Stream,
    resume: Stream,
    /// In the background. That it is over is not told by a signal.
    is_away: bool,
}

impl Keys {
    /// Takes the keyboard where standard input is a terminal in whose foreground the command runs, and standard error one
    /// as well: else nothing is read at all.
    pub(super) fn listen() -> Self {
        let is_manned = std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && is_in_foreground();
        Self(is_manned.then(Keyboard::take).flatten())
    }

    pub(super) fn exist(&self) -> bool {
        self.0.is_some()
    }

    /// The next key. Nothing is lost when this is dropped.
    pub(super) async fn next(&mut self) -> Key {
        let Some(keyboard) = &mut self.0 else {
            return std::future::pending().await;
        };
        loop {
            tokio::select! {
                Some(key) = keyboard.keys.recv() => return key,
                Some(()) = keyboard.suspend.recv() => {
                    keyboard.release();
                    // This is where the command stops, until somebody lets it continue.
                    let _ = kill_process(getpid(), Signal::STOP);
                }
                Some(()) = keyboard.resume.recv() => keyboard.come_back(),
                () = tokio::time::sleep(IN_BACKGROUND), if keyboard.is_away => keyboard.come_back(),
                else => return std::future::pending().await,
            }
        }
    }
}

impl Keyboard {
    fn take() -> Option<Self> {
        let found = tcgetattr(std::io::stdin()).ok()?;
        let suspend = signal(SignalKind::from_raw(Signal::TSTP.as_raw())).ok()?;
        let resume = signal(SignalKind::from_raw(Signal::CONT.as_raw())).ok()?;
        let (sender, keys) = mpsc::channel(WAITING);
        std::thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || read(&sender))
            .ok()?;
        set(&unbuffered(&found)).ok()?;
        Some(Self {
            found,
            keys,
            suspend,
            resume,
            is_away: false,
        })
    }

    /// Takes the terminal again, if it is given.
    fn come_back(&mut self) {
        self.is_away = !is_in_foreground();
        if !self.is_away {
            let _ = set(&unbuffered(&self.found));
        }
    }

    /// Leaves the terminal as it was found. One that belongs to somebody else by now is not touched.
    fn release(&self) {
        if is_in_foreground() {
            let _ = set(&self.found);
        }
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.release();
    }
}

fn set(modes: &Termios) -> rustix::io::Result<()> {
    tcsetattr(std::io::stdin(), OptionalActions::Now, modes)
}

fn unbuffered(found: &Termios) -> Termios {
    let mut modes = found.clone();
    modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
    modes
}

fn is_in_foreground() -> bool {
    tcgetpgrp(std::io::stdin()).is_ok_and(|group| group == getpgrp())
}

/// Reads keys for as long as anybody wants them. A thread, which ends with the process: reading a terminal can't be waited
/// for otherwise without a flag that the shell would find set afterwards. In the background nothing is read: it would
/// stop the command.
fn read(keys: &mpsc::Sender<Key>) {
    let stdin = std::io::stdin();
    loop {
        let mut terminal = [PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN)];
        if poll(&mut terminal, None).is_err_and(|error| error != rustix::io::Errno::INTR) {
            return;
        }
        if !is_in_foreground() {
            std::thread::sleep(IN_BACKGROUND);
            continue;
        }
        let mut bytes = [0; 64];
        match stdin.lock().read(&mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(length) => {
                // A key such as an arrow sends an escape and letters, which are no letters that somebody pressed.
                let typed = &bytes[..length];
                for key in typed
                    .iter()
                    .filter(|_| typed[0] != 0x1b)
                    .filter_map(|byte| Key::of(*byte))
                {
                    if matches!(keys.try_send(key), Err(mpsc::error::TrySendError::Closed(_))) {
                        return;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_keys_in_either_case_and_others_are_none() {
        assert_eq!(Key::of(b'r'), Some(Key::Rebuild));
        assert_eq!(Key::of(b'Q'), Some(Key::Quit));
        assert_eq!(Key::of(b'?'), Some(Key::Help));
        assert_eq!(Key::of(b'\n'), None);
        assert_eq!(Key::of(0x1b), None);
    }
}
