//! What is told of WebSockets that were to move.

use super::*;
use crate::serve::line::Closed;
use crate::serve::notice::Handed;

fn moved(moved: u64) -> Said {
    let closed = vec![Closed {
        reason: "it does not travel".to_owned(),
        count: 1,
    }];
    Said::Moved { moved, closed }
}

fn handed_at_the_end(trial: &mut Trial, old: u64) -> Option<Handed> {
    let at = trial.now();
    let actions = trial.actions(Event::Process(swap::Report::Stopping(Id(old), at)));
    served(&actions).handed.clone()
}

#[test]
fn what_became_of_the_websockets_is_told_with_the_reload() {
    let mut trial = Trial::serving();
    trial.swapped("b", 1, 0);
    assert_eq!(trial.said(0, moved(3)), []);
    trial.ready(1);
    assert!(matches!(
        handed_at_the_end(&mut trial, 0),
        Some(Handed::Moved { moved: 3, .. })
    ));

    trial.swapped("c", 2, 1);
    trial.ready(2);
    // Also where it comes after the new process is ready.
    let kept = Said::Kept {
        reason: "nobody came".to_owned(),
    };
    assert_eq!(trial.said(1, kept), []);
    assert_eq!(
        handed_at_the_end(&mut trial, 1),
        Some(Handed::Kept("nobody came".to_owned()))
    );

    trial.swapped("d", 3, 2);
    trial.ready(3);
    assert_eq!(handed_at_the_end(&mut trial, 2), None, "it does not know the line");
}

#[test]
fn an_answer_to_what_was_given_up_may_come_late() {
    for moved_first in [true, false] {
        let mut trial = Trial::serving();
        trial.swapped("b", 1, 0);
        assert_eq!(
            trial.changed("nova.toml"),
            [
                Changed("nova.toml"),
                Stop(1, DRAIN_WITHIN),
                Deed::Start(2, "b", Some(0))
            ]
        );
        let kept = Said::Kept { reason: String::new() };
        for said in if moved_first {
            [moved(2), kept]
        } else {
            [kept, moved(2)]
        } {
            trial.said(0, said);
        }
        trial.ready(2);
        assert!(matches!(
            handed_at_the_end(&mut trial, 0),
            Some(Handed::Moved { moved: 2, .. })
        ));
    }
}

#[test]
fn one_that_failed_to_start_leaves_its_answer_behind() {
    let mut trial = Trial::serving();
    trial.swapped("b", 1, 0);
    trial.ended(1);
    trial.said(0, Said::Kept { reason: String::new() });
    trial.swapped("c", 2, 0);
    trial.said(0, moved(1));
    trial.ready(2);
    assert!(matches!(
        handed_at_the_end(&mut trial, 0),
        Some(Handed::Moved { moved: 1, .. })
    ));
}
