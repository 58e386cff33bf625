//! The error that carries any other: what a controller returns, and what ends `run`.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::error::Error as StdError;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

type Source = Box<dyn StdError + Send + Sync>;

/// Any error, with its chain of sources.
///
/// `?` turns every standard error into it, so that a controller can return [`Result<Reply>`](crate::Result). What a
/// controller returns as `Err` reaches the fallback controller of its group or application, where
/// [`downcast_ref`](Self::downcast_ref) tells the cases apart; without a fallback it is the 500 page and a line in the
/// log. A [`Problem`](crate::Problem) in it is none of that: it is a response.
///
/// An `Err` of another type that axum can itself respond with, as `Err("no such thing".to_owned())` or
/// `Err(StatusCode::NOT_FOUND)`, is that response: a text with status 200, or a bare status. It reaches no fallback.
///
/// It has no variants to match on: rooms that have something to branch on have error types of their own.
///
/// ```
/// use nova::prelude::*;
///
/// async fn show(Path(id): Path<String>) -> nova::Result<Reply> {
///     let id: u64 = id.parse()?;
///     Ok(Reply::json(json!({ "id": id })))
/// }
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    source: Source,
    backtrace: Backtrace,
}

/// The result of whatever can fail in an application.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whether errors record where they were made: so in `dev`, where a page shows it. Otherwise `RUST_BACKTRACE` decides.
static RECORD_BACKTRACES: AtomicBool = AtomicBool::new(false);

impl Error {
    /// An error from a message or from another error.
    pub fn new(source: impl Into<Source>) -> Self {
        let backtrace = if Self::records_backtraces() {
            Backtrace::force_capture()
        } else {
            Backtrace::capture()
        };
        Self::with_backtrace(source, backtrace)
    }

    pub(crate) fn with_backtrace(source: impl Into<Source>, backtrace: Backtrace) -> Self {
        Self(Box::new(Inner {
            source: source.into(),
            backtrace,
        }))
    }

    /// Whether errors record where they are made.
    pub(crate) fn records_backtraces() -> bool {
        RECORD_BACKTRACES.load(Ordering::Relaxed)
    }

    /// The error inside, when it is a `T`.
    pub fn downcast_ref<T: StdError + 'static>(&self) -> Option<&T> {
        self.0.source.downcast_ref()
    }

    /// What is inside, when it is a `T`.
    pub(crate) fn downcast<T: StdError + 'static>(self) -> Result<T, Self> {
        let Inner { source, backtrace } = *self.0;
        match source.downcast() {
            Ok(inside) => Ok(*inside),
            Err(source) => Err(Self::with_backtrace(source, backtrace)),
        }
    }

    /// This error and what it says caused it, outermost first.
    pub fn chain(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        let first: &(dyn StdError + 'static) = &*self.0.source;
        std::iter::successors(Some(first), |&error| error.source())
    }

    /// Where the error was made, when that was recorded.
    pub(crate) fn backtrace(&self) -> Option<&Backtrace> {
        (self.0.backtrace.status() == BacktraceStatus::Captured).then_some(&self.0.backtrace)
    }

    /// From now on every error of this process records where it was made.
    pub(crate) fn record_backtraces() {
        RECORD_BACKTRACES.store(true, Ordering::Relaxed);
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

/// The outermost message.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.source.fmt(f)
    }
}

/// The whole chain, a line each: what `main` prints.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, error) in self.chain().enumerate() {
            match depth {
                0 => write!(f, "{error}")?,
                _ => write!(f, "\n  caused by: {error}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no such page")
        }
    }

    impl StdError for Outer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn debug_prints_the_chain_and_display_its_head() {
        let error = Error::from(Outer("x".parse::<u8>().unwrap_err()));
        assert_eq!(error.to_string(), "no such page");
        assert_eq!(
            format!("{error:?}"),
            "no such page\n  caused by: invalid digit found in string"
        );
        assert!(error.downcast_ref::<Outer>().is_some());
    }
}
