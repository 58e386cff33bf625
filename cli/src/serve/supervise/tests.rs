//! The supervisor's rules, without a process: events in, actions out.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use super::*;
use crate::serve::build::{Failure, Reason};
use crate::serve::line::Said;
use crate::serve::notice::{Fallback, Served};
use crate::serve::swap::Ending;
use crate::serve::watch::Need;

mod handoff;

/// A supervisor with a clock that is set by hand.
struct Trial {
    supervisor: Supervisor,
    start: Instant,
    seconds: u64,
    /// What was told on lines.
    told: Vec<(Id, News)>,
}

/// What matters of an action to most tests.
#[derive(Debug, PartialEq)]
enum Deed {
    Build,
    Cancel,
    /// A process, of a program, which takes over from another.
    Start(u64, &'static str, Option<u64>),
    Stop(u64, Duration),
    Kill(u64),
    Changed(&'static str),
    Serving,
    /// So many seconds after the change.
    Reloaded(u64),
    Unchanged,
    Failed(Fallback),
    StartFailed(Fallback),
    Died,
    Ending,
    Exit(u8),
    Pages(&'static str, Option<&'static str>),
}

use Deed::{Build, Cancel, Changed, Died, Exit, Failed, Kill, Reloaded, Serving, StartFailed, Stop, Unchanged};

impl Trial {
    /// Begun, with the first build under way.
    fn begun() -> Self {
        let mut trial = Self {
            supervisor: Supervisor::new(),
            start: Instant::now(),
            seconds: 0,
            told: Vec::new(),
        };
        assert_eq!(trial.on(Event::Begun), [Build]);
        trial
    }

    /// Process 0, of program `a`, serves.
    fn serving() -> Self {
        let mut trial = Self::begun();
        assert_eq!(trial.built("a"), [Deed::Start(0, "a", None)]);
        assert_eq!(trial.ready(0), [Serving]);
        trial
    }

    /// What is to be done after `event`, which comes a second after the one before.
    fn actions(&mut self, event: Event) -> Vec<Action> {
        self.seconds += 1;
        let actions = self.supervisor.on(event, self.now());
        for action in &actions {
            if let Action::Tell(id, news) = action {
                self.told.push((*id, news.clone()));
            }
        }
        actions
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_secs(self.seconds)
    }

    fn on(&mut self, event: Event) -> Vec<Deed> {
        self.actions(event).iter().filter_map(deed).collect()
    }

    fn changed(&mut self, file: &str) -> Vec<Deed> {
        self.on(Event::Changed(change(file)))
    }

    fn built(&mut self, name: &str) -> Vec<Deed> {
        self.on(Event::BuildEnded(Outcome::Built(program(name))))
    }

    fn failed(&mut self) -> Vec<Deed> {
        self.on(Event::BuildEnded(Outcome::Failed(Failure::from(Reason::Errors(2)))))
    }

    fn cancelled(&mut self) -> Vec<Deed> {
        self.on(Event::BuildEnded(Outcome::Cancelled))
    }

    fn ready(&mut self, id: u64) -> Vec<Deed> {
        self.on(Event::Process(swap::Report::Ready(Id(id))))
    }

    fn said(&mut self, id: u64, said: Said) -> Vec<Deed> {
        self.on(Event::Process(swap::Report::Said(Id(id), said)))
    }

    fn stopping(&mut self, id: u64) -> Vec<Deed> {
        let at = self.now() + Duration::from_secs(1);
        self.on(Event::Process(swap::Report::Stopping(Id(id), at)))
    }

    fn ended(&mut self, id: u64) -> Vec<Deed> {
        self.on(Event::Process(swap::Report::Ended(Id(id), ending())))
    }

    /// A change that is built and started: process `id`, which takes over from `old`.
    fn swapped(&mut self, program: &'static str, id: u64, old: u64) {
        assert_eq!(self.changed("src/a.rs"), [Changed("src/a.rs"), Build]);
        assert_eq!(self.built(program), [Deed::Start(id, program, Some(old))]);
    }
}

/// News, and what only `--json` has, are left out.
fn deed(action: &Action) -> Option<Deed> {
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let name = |file: &std::path::Path| leak(file.display().to_string());
    Some(match action {
        Action::Build => Build,
        Action::CancelBuild => Cancel,
        Action::Start(start) => {
            let program = start.executable.path.file_name().unwrap();
            Deed::Start(start.id.0, name(program.as_ref()), start.takes_from.map(|id| id.0))
        }
        Action::Stop(id, grace) => Stop(id.0, *grace),
        Action::Kill(id) => Kill(id.0),
        Action::Exit(code) => Exit(*code),
        Action::Tell(..) => return None,
        Action::Say(notice) => match notice {
            Notice::Building { .. } | Notice::Built { .. } | Notice::Cancelled { .. } => return None,
            Notice::Changed(files) => Changed(name(&files[0])),
            Notice::Serving(_) => Serving,
            Notice::Reloaded(served) => Reloaded(served.total.as_secs()),
            Notice::Unchanged { .. } => Unchanged,
            Notice::Pages(pages) => Deed::Pages(
                name(&pages.files[0]),
                pages.error.as_ref().map(|error| leak(error.message.clone())),
            ),
            Notice::BuildFailed { fallback, .. } => Failed(*fallback),
            Notice::StartFailed { fallback, .. } => StartFailed(*fallback),
            Notice::Died(_) => Died,
            Notice::Ending => Deed::Ending,
        },
    })
}

fn served(actions: &[Action]) -> &Served {
    let served = actions.iter().find_map(|action| match action {
        Action::Say(Notice::Reloaded(served) | Notice::Serving(served)) => Some(served),
        _ => None,
    });
    served.expect("something is served")
}

fn change(file: &str) -> Change {
    let mut change = Change::default();
    let need = match file.rsplit_once('.') {
        Some((_, "hbs" | "css")) => Need::Word,
        _ if file == "nova.toml" => Need::Restart,
        _ => Need::Build,
    };
    change.add(PathBuf::from(file), need);
    change
}

fn program(name: &str) -> Executable {
    Executable::at(PathBuf::from(format!("/nowhere/{name}")))
}

fn ending() -> Ending {
    Ending::Exited(ExitStatus::from_raw(101 << 8))
}

#[test]
fn the_old_process_serves_until_the_new_one_is_ready() {
    let mut trial = Trial::serving();
    assert_eq!(trial.changed("src/a.rs"), [Changed("src/a.rs"), Build]);
    assert_eq!(trial.built("b"), [Deed::Start(1, "b", Some(0))]);
    assert_eq!(trial.ready(1), [Stop(0, DRAIN_WITHIN)]);
    assert_eq!(trial.stopping(0), [Reloaded(3)], "only now does nobody else answer");
    assert_eq!(trial.ended(0), []);
}

#[test]
fn a_process_that_ends_without_a_word_before_is_gone_all_the_same() {
    let mut trial = Trial::serving();
    trial.changed("nova.toml");
    trial.ready(1);
    assert_eq!(trial.ended(0), [Reloaded(2)]);
    assert_eq!(trial.ended(1), [Died]);
}

#[test]
fn a_change_may_come_while_the_old_process_stops() {
    let mut trial = Trial::serving();
    trial.changed("nova.toml");
    trial.ready(1);
    assert_eq!(
        trial.changed("nova.toml"),
        [Changed("nova.toml"), Deed::Start(2, "a", Some(1))]
    );
    assert_eq!(trial.stopping(0), []);
    assert_eq!(trial.ready(2), [Stop(1, DRAIN_WITHIN)]);
    assert_eq!(trial.stopping(1), [Reloaded(3)]);
}

#[test]
fn a_failed_build_leaves_the_old_process_serving() {
    let mut trial = Trial::serving();
    trial.changed("src/a.rs");
    assert_eq!(trial.failed(), [Failed(Fallback::Previous)]);
}

#[test]
fn a_failed_first_build_waits_for_a_change() {
    let mut trial = Trial::begun();
    assert_eq!(trial.failed(), [Failed(Fallback::Nothing)]);
    assert_eq!(trial.changed("src/a.rs"), [Changed("src/a.rs"), Build]);
    assert_eq!(trial.built("a"), [Deed::Start(0, "a", None)]);
    assert_eq!(trial.ready(0), [Serving]);
}

#[test]
fn a_change_during_a_build_cancels_it_and_builds_again_once_it_is_gone() {
    let mut trial = Trial::serving();
    trial.changed("src/a.rs");
    assert_eq!(trial.changed("src/b.rs"), [Changed("src/b.rs"), Cancel]);
    assert_eq!(trial.changed("src/c.rs"), [Changed("src/c.rs")], "cancelled once");
    assert_eq!(trial.cancelled(), [Build]);
    assert_eq!(trial.built("b"), [Deed::Start(1, "b", Some(0))]);
    assert_eq!(trial.ready(1), [Stop(0, DRAIN_WITHIN)]);
    assert_eq!(trial.stopping(0), [Reloaded(4)], "from the last change on");
}

#[test]
fn a_build_that_ended_before_it_was_cancelled_is_stale_all_the_same() {
    let mut trial = Trial::serving();
    trial.changed("src/a.rs");
    trial.changed("src/b.rs");
    assert_eq!(trial.built("b"), [Build]);
}

#[test]
fn the_lock_file_that_cargo_writes_does_not_cancel_its_build() {
    let mut trial = Trial::begun();
    assert_eq!(trial.changed("Cargo.lock"), []);
    trial.built("a");
    assert_eq!(trial.changed("Cargo.lock"), [Changed("Cargo.lock"), Build]);
}

#[test]
fn the_same_program_is_not_started_again() {
    let mut trial = Trial::serving();
    trial.changed("src/a.rs");
    assert_eq!(trial.built("a"), [Unchanged]);
}

#[test]
fn the_same_program_is_started_when_none_runs() {
    let mut trial = Trial::serving();
    trial.ended(0);
    trial.changed("src/a.rs");
    assert_eq!(trial.built("a"), [Deed::Start(1, "a", None)]);
}

#[test]
fn configuration_restarts_without_a_build() {
    let mut trial = Trial::serving();
    assert_eq!(
        trial.changed("nova.toml"),
        [Changed("nova.toml"), Deed::Start(1, "a", Some(0))]
    );
    assert_eq!(trial.ready(1), [Stop(0, DRAIN_WITHIN)]);
    assert_eq!(trial.stopping(0), [Reloaded(2)]);
}

#[test]
fn configuration_changed_during_a_build_is_not_forgotten() {
    let mut trial = Trial::serving();
    trial.changed("src/a.rs");
    assert_eq!(trial.changed("nova.toml"), [Changed("nova.toml")]);
    assert_eq!(
        trial.built("a"),
        [Deed::Start(1, "a", Some(0))],
        "the program is the same"
    );

    let mut trial = Trial::serving();
    trial.changed("src/a.rs");
    trial.changed("nova.toml");
    trial.changed("src/b.rs");
    trial.cancelled();
    assert_eq!(
        trial.failed().last(),
        Some(&Deed::Start(1, "a", Some(0))),
        "there is no new one"
    );
}

#[test]
fn configuration_changed_before_the_first_build_waits_for_it() {
    let mut trial = Trial::begun();
    assert_eq!(trial.changed("nova.toml"), [Changed("nova.toml")]);
    trial.failed();
    assert_eq!(trial.changed("nova.toml"), [Changed("nova.toml")]);
}

#[test]
fn a_process_that_ends_before_it_is_ready_leaves_the_old_one_serving() {
    let mut trial = Trial::serving();
    trial.changed("src/a.rs");
    trial.built("b");
    assert_eq!(trial.ended(1), [StartFailed(Fallback::Previous)]);
    trial.changed("src/a.rs");
    assert_eq!(trial.built("c"), [Deed::Start(2, "c", Some(0))]);
    assert_eq!(trial.ready(2).first(), Some(&Stop(0, DRAIN_WITHIN)));
}

#[test]
fn a_process_that_dies_is_told_and_not_started_again() {
    let mut trial = Trial::serving();
    assert_eq!(trial.ended(0), [Died]);
}

#[test]
fn the_old_process_may_die_while_the_new_one_starts() {
    let mut trial = Trial::serving();
    trial.changed("nova.toml");
    assert_eq!(trial.ended(0), []);
    assert_eq!(trial.ended(1), [StartFailed(Fallback::Nothing)]);
}

#[test]
fn a_newer_process_takes_the_place_of_one_that_is_not_ready() {
    let mut trial = Trial::serving();
    trial.changed("src/a.rs");
    trial.built("b");
    assert_eq!(trial.changed("src/a.rs"), [Changed("src/a.rs"), Build]);
    assert_eq!(trial.built("c"), [Stop(1, DRAIN_WITHIN), Deed::Start(2, "c", Some(0))]);
    assert_eq!(trial.ready(1), [], "too late");
    assert_eq!(trial.ended(1), []);
    assert_eq!(trial.ready(2), [Stop(0, DRAIN_WITHIN)]);
    assert_eq!(trial.stopping(0), [Reloaded(5)]);
}

#[test]
fn at_the_end_everything_is_ended_and_waited_for() {
    let mut trial = Trial::serving();
    trial.changed("src/a.rs");
    trial.built("b");
    trial.ready(1);
    trial.changed("src/a.rs");
    let expected = [Deed::Ending, Cancel, Stop(0, END_WITHIN), Stop(1, END_WITHIN)];
    assert_eq!(trial.on(Event::Signal(Signal::Interrupt)), expected);
    assert_eq!(trial.ended(0), []);
    assert_eq!(trial.changed("src/b.rs"), []);
    assert_eq!(trial.ended(1), []);
    assert_eq!(trial.cancelled(), [Exit(130)]);
}

#[test]
fn a_second_signal_kills() {
    let mut trial = Trial::serving();
    trial.on(Event::Signal(Signal::Terminate));
    assert_eq!(trial.on(Event::Signal(Signal::Interrupt)), [Kill(0)]);
    assert_eq!(trial.ended(0), [Exit(143)]);
}

#[test]
fn with_nothing_to_wait_for_the_end_is_at_once() {
    let mut trial = Trial::begun();
    trial.failed();
    assert_eq!(trial.on(Event::Signal(Signal::Hangup)), [Exit(129)]);
}

#[test]
fn a_build_being_cancelled_is_not_followed_by_another_at_the_end() {
    let mut trial = Trial::begun();
    trial.changed("src/a.rs");
    assert_eq!(trial.on(Event::Signal(Signal::Interrupt)), [Deed::Ending]);
    assert_eq!(trial.cancelled(), [Exit(130)]);
}

#[test]
fn saves_that_come_faster_than_a_build_do_not_starve_it() {
    let mut trial = Trial::serving();
    assert_eq!(trial.changed("src/a.rs"), [Changed("src/a.rs"), Build]);
    for _ in 0..3 {
        assert_eq!(trial.changed("src/a.rs"), [Changed("src/a.rs"), Cancel]);
        assert_eq!(trial.cancelled(), [Build]);
    }
    // This one is left to its end, is served, and is followed by one for what has changed meanwhile.
    assert_eq!(trial.changed("src/b.rs"), [Changed("src/b.rs")]);
    assert_eq!(trial.changed("src/c.rs"), [Changed("src/c.rs")]);
    assert_eq!(trial.built("b"), [Deed::Start(1, "b", Some(0)), Build]);
    // And so is the next one, as long as changes go on.
    assert_eq!(trial.changed("src/a.rs"), [Changed("src/a.rs")]);
    assert_eq!(trial.failed(), [Failed(Fallback::Previous), Build]);
    assert_eq!(trial.built("c"), [Stop(1, DRAIN_WITHIN), Deed::Start(2, "c", Some(0))]);
    // Quiet again: now a newer change is worth a cancelled build.
    assert_eq!(trial.changed("src/a.rs"), [Changed("src/a.rs"), Build]);
    assert_eq!(trial.changed("src/a.rs"), [Changed("src/a.rs"), Cancel]);
}

#[test]
fn all_files_since_the_last_served_build_are_named() {
    let mut trial = Trial::serving();
    trial.changed("src/b.rs");
    trial.changed("src/a.rs");
    trial.cancelled();
    trial.built("b");
    trial.ready(1);
    let at = trial.now();
    let actions = trial.actions(Event::Process(swap::Report::Stopping(Id(0), at)));
    assert_eq!(served(&actions).files, ["src/a.rs", "src/b.rs"].map(PathBuf::from));
    assert_eq!(served(&actions).built_in, Some(Duration::from_secs(1)));
    assert_eq!(served(&actions).build, 3, "the second was cancelled");
}

fn views(error: Option<&str>) -> Said {
    Said::Views {
        error: error.map(str::to_owned),
        file: None,
        line: None,
        column: None,
    }
}

#[test]
fn views_and_assets_are_the_applications() {
    let mut trial = Trial::serving();
    assert_eq!(trial.changed("views/a.hbs"), []);
    let files = vec![PathBuf::from("views/a.hbs")];
    assert_eq!(trial.told.last(), Some(&(Id(0), News::Changed { files })));
    assert_eq!(trial.said(0, views(None)), [Deed::Pages("views/a.hbs", None)]);
    assert_eq!(trial.said(0, views(None)), [], "nobody asked");

    trial.changed("views/a.hbs");
    assert_eq!(
        trial.said(0, views(Some("unclosed"))),
        [Deed::Pages("views/a.hbs", Some("unclosed"))]
    );
    let Some((Id(0), News::Failed { stage, .. })) = trial.told.last() else {
        panic!("{:?}", trial.told.last());
    };
    assert_eq!(*stage, crate::serve::line::Stage::Views);

    assert_eq!(trial.changed("assets/app.css"), [Deed::Pages("assets/app.css", None)]);
    trial.ended(0);
    assert_eq!(trial.changed("assets/app.css"), [], "there is nobody to tell");
}

#[test]
fn the_one_that_serves_is_told_how_the_build_stands() {
    let mut trial = Trial::serving();
    trial.told.clear();
    trial.changed("src/a.rs");
    trial.failed();
    trial.changed("src/a.rs");
    trial.built("b");
    trial.ended(1);
    let names: Vec<(u64, String)> = trial
        .told
        .iter()
        .map(|(id, news)| {
            let value = serde_json::to_value(news).unwrap();
            (id.0, format!("{} {}", value["event"], value["stage"]))
        })
        .collect();
    let expected = [
        "\"building\" null",
        "\"failed\" \"build\"",
        "\"history\" null",
        "\"building\" null",
        "\"built\" null",
        "\"failed\" \"start\"",
        "\"history\" null",
    ];
    assert_eq!(names, expected.map(|name| (0, name.to_owned())));
    let News::History { builds } = &trial.told.last().unwrap().1 else {
        panic!("no history");
    };
    let outcomes: Vec<_> = builds.iter().map(|entry| (entry.build, entry.outcome)).collect();
    assert_eq!(outcomes, [(1, "served"), (2, "failed"), (3, "failed")]);
}

#[test]
fn a_key_builds_and_starts_again_whatever_has_changed() {
    let mut trial = Trial::serving();
    assert_eq!(trial.on(Event::Rebuild), [Build]);
    assert_eq!(trial.built("a"), [Deed::Start(1, "a", Some(0))]);
    assert_eq!(trial.on(Event::Quit).first(), Some(&Deed::Ending));
    trial.ended(0);
    assert_eq!(trial.ended(1), [Exit(0)]);
}
