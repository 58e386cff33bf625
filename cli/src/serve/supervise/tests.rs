//! The supervisor's rules, without a process: events in, actions out.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;

use super::*;

/// A supervisor with a clock that is set by hand.
struct Trial {
    supervisor: Supervisor,
    start: Instant,
    seconds: u64,
}

impl Trial {
    /// Begun, with the first build under way.
    fn begun() -> Self {
        let mut trial = Self {
            supervisor: Supervisor::new(),
            start: Instant::now(),
            seconds: 0,
        };
        assert_eq!(trial.on(Event::Begun), [Action::Say(Notice::Building), Action::Build]);
        trial
    }

    /// Process 0, of program `a`, serves.
    fn serving() -> Self {
        let mut trial = Self::begun();
        assert_eq!(trial.built("a"), [Action::Start(Id(0), program("a"))]);
        assert_eq!(trial.ready(0), [Action::Say(Notice::Serving)]);
        trial
    }

    /// What is to be done after `event`, which comes a second after the one before.
    fn on(&mut self, event: Event) -> Vec<Action> {
        self.seconds += 1;
        self.supervisor
            .on(event, self.start + Duration::from_secs(self.seconds))
    }

    fn changed(&mut self, file: &str) -> Vec<Action> {
        self.on(Event::Changed(change(file)))
    }

    fn built(&mut self, name: &str) -> Vec<Action> {
        self.on(Event::BuildEnded(Outcome::Built(program(name))))
    }

    fn failed(&mut self) -> Vec<Action> {
        self.on(Event::BuildEnded(Outcome::Failed(Failure::Errors(2))))
    }

    fn cancelled(&mut self) -> Vec<Action> {
        self.on(Event::BuildEnded(Outcome::Cancelled))
    }

    fn ready(&mut self, id: u64) -> Vec<Action> {
        self.on(Event::Process(swap::Report::Ready(Id(id))))
    }

    fn stopping(&mut self, id: u64) -> Vec<Action> {
        self.on(Event::Process(swap::Report::Stopping(Id(id))))
    }

    fn ended(&mut self, id: u64) -> Vec<Action> {
        self.on(Event::Process(swap::Report::Ended(Id(id), ending())))
    }
}

fn change(file: &str) -> Change {
    let mut change = Change::default();
    change.add(PathBuf::from(file));
    assert!(!change.is_empty(), "{file} does not count");
    change
}

fn program(name: &str) -> Executable {
    Executable::at(PathBuf::from(format!("/nowhere/{name}")))
}

fn ending() -> Ending {
    Ending::Exited(ExitStatus::from_raw(101 << 8))
}

fn said(file: &str) -> Action {
    Action::Say(Notice::Changed(vec![PathBuf::from(file)]))
}

fn reloaded(seconds: u64) -> Action {
    Action::Say(Notice::Reloaded(Duration::from_secs(seconds)))
}

#[test]
fn the_old_process_serves_until_the_new_one_is_ready() {
    let mut trial = Trial::serving();
    assert_eq!(trial.changed("src/a.rs"), [said("src/a.rs"), Action::Build]);
    assert_eq!(trial.built("b"), [Action::Start(Id(1), program("b"))]);
    assert_eq!(trial.ready(1), [Action::Stop(Id(0), DRAIN_WITHIN)]);
    assert_eq!(trial.stopping(0), [reloaded(3)], "only now does nobody else answer");
    assert_eq!(trial.ended(0), []);
}

#[test]
fn a_process_that_ends_without_a_word_before_is_gone_all_the_same() {
    let mut trial = Trial::serving();
    trial.changed("nova.toml");
    trial.ready(1);
    assert_eq!(trial.ended(0), [reloaded(2)]);
    assert_eq!(trial.ended(1), [Action::Say(Notice::Died(ending()))]);
}

#[test]
fn a_change_may_come_while_the_old_process_stops() {
    let mut trial = Trial::serving();
    trial.changed("nova.toml");
    trial.ready(1);
    assert_eq!(
        trial.changed("nova.toml"),
        [said("nova.toml"), Action::Start(Id(2), program("a"))]
    );
    assert_eq!(trial.stopping(0), []);
    assert_eq!(trial.ready(2), [Action::Stop(Id(1), DRAIN_WITHIN)]);
    assert_eq!(trial.stopping(1), [reloaded(3)]);
}

#[test]
fn a_failed_build_leaves_the_old_process_serving() {
    let mut trial = Trial::serving();
    trial.changed("src/a.rs");
    let failed = Notice::BuildFailed(Failure::Errors(2), Fallback::Previous);
    assert_eq!(trial.failed(), [Action::Say(failed)]);
}

#[test]
fn a_failed_first_build_waits_for_a_change() {
    let mut trial = Trial::begun();
    let failed = Notice::BuildFailed(Failure::Errors(2), Fallback::Nothing);
    assert_eq!(trial.failed(), [Action::Say(failed)]);
    assert_eq!(trial.changed("src/a.rs"), [said("src/a.rs"), Action::Build]);
    assert_eq!(trial.built("a"), [Action::Start(Id(0), program("a"))]);
    assert_eq!(trial.ready(0), [Action::Say(Notice::Serving)]);
}

#[test]
fn a_change_during_a_build_cancels_it_and_builds_again_once_it_is_gone() {
    let mut trial = Trial::serving();
    trial.changed("src/a.rs");
    assert_eq!(trial.changed("src/b.rs"), [said("src/b.rs"), Action::CancelBuild]);
    assert_eq!(trial.changed("src/c.rs"), [said("src/c.rs")], "cancelled once");
    assert_eq!(trial.cancelled(), [Action::Build]);
    assert_eq!(trial.built("b"), [Action::Start(Id(1), program("b"))]);
    assert_eq!(trial.ready(1), [Action::Stop(Id(0), DRAIN_WITHIN)]);
    assert_eq!(trial.stopping(0), [reloaded(4)], "from the last change on");
}

#[test]
fn a_build_that_ended_before_it_was_cancelled_is_stale_all_the_same() {
    let mut trial = Trial::serving();
    trial.changed("src/a.rs");
    trial.changed("src/b.rs");
    assert_eq!(trial.built("b"), [Action::Build]);
}

#[test]
fn the_lock_file_that_cargo_writes_does_not_cancel_its_build() {
    let mut trial = Trial::begun();
    assert_eq!(trial.changed("Cargo.lock"), []);
    trial.built("a");
    assert_eq!(trial.changed("Cargo.lock"), [said("Cargo.lock"), Action::Build]);
}

#[test]
fn the_same_program_is_not_started_again() {
    let mut trial = Trial::serving();
    trial.changed("src/a.rs");
    assert_eq!(trial.built("a"), [Action::Say(Notice::Unchanged)]);
}

#[test]
fn the_same_program_is_started_when_none_runs() {
    let mut trial = Trial::serving();
    trial.ended(0);
    trial.changed("src/a.rs");
    assert_eq!(trial.built("a"), [Action::Start(Id(1), program("a"))]);
}

#[test]
fn configuration_restarts_without_a_build() {
    let mut trial = Trial::serving();
    assert_eq!(
        trial.changed("nova.toml"),
        [said("nova.toml"), Action::Start(Id(1), program("a"))]
    );
    assert_eq!(trial.ready(1), [Action::Stop(Id(0), DRAIN_WITHIN)]);
    assert_eq!(trial.stopping(0), [reloaded(2)]);
}

#[test]
fn configuration_changed_during_a_build_is_not_forgotten() {
    let mut trial = Trial::serving();
    trial.changed("src/a.rs");
    assert_eq!(trial.changed("nova.toml"), [said("nova.toml")]);
    assert_eq!(
        trial.built("a"),
        [Action::Start(Id(1), program("a"))],
        "the program is the same"
    );

    let mut trial = Trial::serving();
    trial.changed("src/a.rs");
    trial.changed("nova.toml");
    trial.changed("src/b.rs");
    trial.cancelled();
    assert_eq!(
        trial.failed().last(),
        Some(&Action::Start(Id(1), program("a"))),
        "there is no new one"
    );
}

#[test]
fn configuration_changed_before_the_first_build_waits_for_it() {
    let mut trial = Trial::begun();
    assert_eq!(trial.changed("nova.toml"), [said("nova.toml")]);
    trial.failed();
    assert_eq!(trial.changed("nova.toml"), [said("nova.toml")]);
}

#[test]
fn a_process_that_ends_before_it_is_ready_leaves_the_old_one_serving() {
    let mut trial = Trial::serving();
    trial.changed("src/a.rs");
    trial.built("b");
    let failed = Notice::StartFailed(ending(), Fallback::Previous);
    assert_eq!(trial.ended(1), [Action::Say(failed)]);
    trial.changed("src/a.rs");
    assert_eq!(trial.built("c"), [Action::Start(Id(2), program("c"))]);
    assert_eq!(trial.ready(2).first(), Some(&Action::Stop(Id(0), DRAIN_WITHIN)));
}

#[test]
fn a_process_that_dies_is_told_and_not_started_again() {
    let mut trial = Trial::serving();
    assert_eq!(trial.ended(0), [Action::Say(Notice::Died(ending()))]);
}

#[test]
fn the_old_process_may_die_while_the_new_one_starts() {
    let mut trial = Trial::serving();
    trial.changed("nova.toml");
    assert_eq!(trial.ended(0), []);
    let failed = Notice::StartFailed(ending(), Fallback::Nothing);
    assert_eq!(trial.ended(1), [Action::Say(failed)]);
}

#[test]
fn a_newer_process_takes_the_place_of_one_that_is_not_ready() {
    let mut trial = Trial::serving();
    trial.changed("src/a.rs");
    trial.built("b");
    assert_eq!(trial.changed("src/a.rs"), [said("src/a.rs"), Action::Build]);
    assert_eq!(
        trial.built("c"),
        [Action::Stop(Id(1), DRAIN_WITHIN), Action::Start(Id(2), program("c"))]
    );
    assert_eq!(trial.ready(1), [], "too late");
    assert_eq!(trial.ended(1), []);
    assert_eq!(trial.ready(2), [Action::Stop(Id(0), DRAIN_WITHIN)]);
    assert_eq!(trial.stopping(0), [reloaded(5)]);
}

#[test]
fn at_the_end_everything_is_ended_and_waited_for() {
    let mut trial = Trial::serving();
    trial.changed("src/a.rs");
    trial.built("b");
    trial.ready(1);
    trial.changed("src/a.rs");
    let expected = [
        Action::Say(Notice::Ending),
        Action::CancelBuild,
        Action::Stop(Id(0), END_WITHIN),
        Action::Stop(Id(1), END_WITHIN),
    ];
    assert_eq!(trial.on(Event::Signal(Signal::Interrupt)), expected);
    assert_eq!(trial.ended(0), []);
    assert_eq!(trial.changed("src/b.rs"), []);
    assert_eq!(trial.ended(1), []);
    assert_eq!(trial.cancelled(), [Action::Exit(130)]);
}

#[test]
fn a_second_signal_kills() {
    let mut trial = Trial::serving();
    trial.on(Event::Signal(Signal::Terminate));
    assert_eq!(trial.on(Event::Signal(Signal::Interrupt)), [Action::Kill(Id(0))]);
    assert_eq!(trial.ended(0), [Action::Exit(143)]);
}

#[test]
fn with_nothing_to_wait_for_the_end_is_at_once() {
    let mut trial = Trial::begun();
    trial.failed();
    assert_eq!(trial.on(Event::Signal(Signal::Hangup)), [Action::Exit(129)]);
}

#[test]
fn a_build_being_cancelled_is_not_followed_by_another_at_the_end() {
    let mut trial = Trial::begun();
    trial.changed("src/a.rs");
    assert_eq!(
        trial.on(Event::Signal(Signal::Interrupt)),
        [Action::Say(Notice::Ending)]
    );
    assert_eq!(trial.cancelled(), [Action::Exit(130)]);
}
