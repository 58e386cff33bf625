//! Time that a test controls, and tests that are run with many seeds.

use std::env;

use super::Rng;

/// As [`run`](super::run), with a clock that stands still while there is something to do, and jumps to the next timer when
/// there is not. Needs the feature `test-util`.
///
/// A minute's idle timeout takes milliseconds, and a timer is due when it is due, however busy the machine is. The clock
/// is tokio's: [`sleep`](super::sleep), [`timeout`](super::timeout), [`Instant`](super::Instant) and all of the framework's
/// timers and deadlines go by it.
///
/// ```
/// # use nova::prelude::*;
/// # use nova::testing::{self, Instant};
/// # use std::time::Duration;
/// # struct Silent;
/// # impl WebSocketHandler for Silent {
/// #     async fn handle(&mut self, _: Frame, _: &Socket) -> Commands { Commands::none() }
/// # }
/// # fn routes() -> Routes { Routes::new().group(Group::new("/").ws("/", async || Silent)) }
/// testing::run_paused(async {
///     let mut client = testing::app(routes).websocket("/").await;
///     let begun = Instant::now();
///     let close = client.receive_within(Duration::from_secs(70)).await;
///     assert_eq!(close, Frame::close(1000, ""));
///     assert!(begun.elapsed() >= Duration::from_secs(60), "the idle timeout");
/// });
/// ```
///
/// # Panics
/// When the runtime can't be started.
pub fn run_paused<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.expect("a runtime for the test").block_on(test)
}

/// Runs a test with so many seeds, each from its beginning and as [`run_paused`] does. Needs the feature `test-util`.
///
/// What a test leaves to chance it takes from the generator that it is given: what is sent, the [`Link`](super::Link), who
/// comes first. Then the whole of its run follows from the seed. The seeds are 0, 1, 2 and so on, so that a test which
/// passes today passes tomorrow. The one that fails is printed, and how to run it alone.
///
/// | variable | |
/// | --- | --- |
/// | `NOVA_SEED=7` | runs the seed 7 alone |
/// | `NOVA_SEEDS=100000` | runs so many, to look longer |
///
/// ```
/// use nova::testing;
///
/// testing::seeds(20, async |mut rng| {
///     let bytes = rng.below(100);
///     assert_eq!(rng.bytes(bytes).len(), bytes);
/// });
/// ```
///
/// # Panics
/// When a variable is no number, and when the test does.
pub fn seeds(count: u64, test: impl AsyncFn(Rng)) {
    let seeds = match (variable("NOVA_SEED"), variable("NOVA_SEEDS")) {
        (Some(seed), _) => seed..seed.saturating_add(1),
        (None, count_instead) => 0..count_instead.unwrap_or(count),
    };
    for seed in seeds {
        let _note = Note(seed);
        run_paused(test(Rng::new(seed)));
    }
}

fn variable(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    let number = value.parse();
    Some(number.unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

/// Says which seed it was when the test fails.
struct Note(u64);

impl Drop for Note {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let thread = std::thread::current();
            let (seed, test) = (self.0, thread.name().unwrap_or_default());
            eprintln!("the seed was {seed}: run it alone with NOVA_SEED={seed} cargo test {test}");
        }
    }
}
