//! How long changes are gathered before they are acted on.

use std::time::Duration;

use tokio::time::Instant;

/// After a change, those that follow are taken together for this long; each time anew, twice as long as before.
const LUMP: Duration = Duration::from_millis(20);

/// The longest.
const LONGEST: Duration = Duration::from_millis(160);

/// After this long without a change, the next one is taken at once again.
const QUIET: Duration = Duration::from_millis(500);

/// The first change is acted on at once: nobody who saves a file waits for a second one that does not come. Of a burst (a
/// change of branch) the first files start a build, which is cancelled for the next ones, and the pauses grow, so that
/// the last build of few begins when the burst is over.
#[derive(Debug, Default)]
pub(super) struct Pace {
    found: Option<Instant>,
    lump: Duration,
}

impl Pace {
    /// When to look at what is hinted at now.
    pub(super) fn due(&self, now: Instant) -> Instant {
        match self.found {
            Some(found) if now < found + QUIET => now.max(found + self.lump),
            Some(_) | None => now,
        }
    }

    /// A change was found.
    pub(super) fn found(&mut self, now: Instant) {
        self.lump = match self.found {
            Some(found) if now < found + QUIET => (self.lump * 2).min(LONGEST),
            Some(_) | None => LUMP,
        };
        self.found = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_change_never_waits() {
        let mut pace = Pace::default();
        let mut now = Instant::now();
        for _ in 0..3 {
            assert_eq!(pace.due(now), now);
            pace.found(now);
            now += QUIET;
        }
    }

    #[test]
    fn a_burst_is_taken_in_growing_lumps() {
        let start = Instant::now();
        let mut pace = Pace::default();
        let (mut now, mut looks) = (start, Vec::new());
        while now < start + Duration::from_millis(700) {
            now = pace.due(now);
            pace.found(now);
            looks.push((now - start).as_millis());
            now += Duration::from_millis(1);
        }
        assert_eq!(looks, [0, 20, 60, 140, 300, 460, 620, 780]);
    }
}
