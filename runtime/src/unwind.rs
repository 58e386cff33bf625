//! Panics of the application's code, caught where they can harm only what caused them.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Once;

use crate::error::{self, Error};

/// What a panic said, and where.
#[derive(Debug)]
pub(crate) struct Panic {
    pub(crate) message: String,
    /// `file:line` of the panic; unknown when the hook is not installed.
    pub(crate) place: Option<String>,
    backtrace: Option<Backtrace>,
}

/// What is known of a panic only while it happens.
struct Scene {
    place: Option<String>,
    backtrace: Backtrace,
}

thread_local! {
    /// Whether the code that runs on this thread now is inside [`caught`].
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static SCENE: RefCell<Option<Scene>> = const { RefCell::new(None) };
}

/// Runs a future to its end, or to its panic.
///
/// Cancel safe as far as `future` is.
pub(crate) async fn caught<F: Future>(future: F) -> Result<F::Output, Panic> {
    let mut future = pin!(future);
    // A future that panicked is dropped and never polled again, and the state it borrowed is only used to end its owner.
    poll_fn(|context| {
        caught_now(|| future.as_mut().poll(context)).map_or_else(|panic| Err(panic).into(), |poll| poll.map(Ok))
    })
    .await
}

/// Runs a function to its end, or to its panic.
pub(crate) fn caught_now<T>(function: impl FnOnce() -> T) -> Result<T, Panic> {
    let outer = CATCHING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(function));
    CATCHING.set(outer);
    result.map_err(|payload| {
        let (place, backtrace) = SCENE
            .take()
            .map_or((None, None), |scene| (scene.place, Some(scene.backtrace)));
        Panic {
            message: message(&*payload),
            place,
            backtrace,
        }
    })
}

/// Lets caught panics be reported by who caught them, in one line, in place of the standard report. Others are reported
/// as before.
pub(crate) fn install_hook() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let standard = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if CATCHING.get() {
                SCENE.set(Some(Scene {
                    place: panic
                        .location()
                        .map(|place| format!("{}:{}", place.file(), place.line())),
                    backtrace: error::capture(),
                }));
            } else {
                standard(panic);
            }
        }));
    });
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
        .to_owned()
}

impl Panic {
    /// The panic as an error that was made where the panic was.
    pub(crate) fn into_error(mut self) -> Error {
        let backtrace = self.backtrace.take().unwrap_or_else(Backtrace::disabled);
        Error::made_at(self, backtrace)
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "panicked at {place}: {}", self.message),
            None => write!(f, "panicked: {}", self.message),
        }
    }
}

impl std::error::Error for Panic {}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaks() {
        panic!("broken");
    }

    #[test]
    fn the_backtrace_is_of_the_panic_and_not_of_who_caught_it() {
        install_hook();
        Error::record_backtraces();
        let error = caught_now(breaks).unwrap_err().into_error();
        assert!(error.to_string().ends_with(": broken"), "{error}");
        let backtrace = error.backtrace().unwrap().to_string();
        assert!(backtrace.contains("unwind::tests::breaks"), "{backtrace}");
    }
}
