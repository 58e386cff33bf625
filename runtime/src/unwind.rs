//! Panics of the application's code, caught where they can harm only what caused them.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Once;
use std::task::Poll;

use crate::error::Error;

/// What a panic said, and where.
#[derive(Debug)]
pub(crate) struct Panic {
    pub(crate) message: String,
    /// `file:line` of the panic; unknown when the hook is not installed.
    pub(crate) place: Option<String>,
    /// Where the panic came from, when errors record that.
    backtrace: Option<Backtrace>,
}

thread_local! {
    /// Whether the code that runs on this thread now is inside [`caught`].
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static REPORT: RefCell<Option<(String, Option<Backtrace>)>> = const { RefCell::new(None) };
}

/// Runs a future to its end, or to its panic.
///
/// Cancel safe as far as `future` is.
pub(crate) async fn caught<F: Future>(future: F) -> Result<F::Output, Panic> {
    caught_pinned(pin!(future)).await
}

/// The same for one that stays where it is: who waits for it has room for it once, and not again for the argument.
pub(crate) fn caught_pinned<F: Future>(mut future: Pin<&mut F>) -> impl Future<Output = Result<F::Output, Panic>> {
    // A future that panicked is dropped and never polled again, and the state it borrowed is only used to end its owner.
    poll_fn(move |context| {
        let mut poll = Poll::Pending;
        // Of one type for all futures: what catches is not compiled again for every callback of every application.
        let step: &mut dyn FnMut() = &mut || poll = future.as_mut().poll(context);
        match caught_now(step) {
            Ok(()) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
}

/// Runs a function to its end, or to its panic.
pub(crate) fn caught_now<T>(function: impl FnOnce() -> T) -> Result<T, Panic> {
    let outer = CATCHING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(function));
    CATCHING.set(outer);
    result.map_err(|payload| {
        let (place, backtrace) = REPORT.take().unzip();
        Panic {
            message: message(&*payload),
            place,
            backtrace: backtrace.flatten(),
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
                REPORT.set(panic.location().map(|place| {
                    let place = format!("{}:{}", place.file(), place.line());
                    (place, Error::records_backtraces().then(Backtrace::force_capture))
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

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "panicked at {place}: {}", self.message.escape_debug()),
            None => write!(f, "panicked: {}", self.message.escape_debug()),
        }
    }
}

impl std::error::Error for Panic {}

impl Panic {
    /// The panic as an error, with its own backtrace.
    pub(crate) fn into_error(mut self) -> Error {
        match self.backtrace.take() {
            Some(backtrace) => Error::with_backtrace(self, backtrace),
            None => Error::new(self),
        }
    }
}
