//! Where a test has a write fail, or the command killed. In a release build there is nothing here.
//!
//! `NOVA_FAULT=kill:3` ends the process at the third point, `full:3` says at the third that the disk is full, and `full:3+`
//! says so from there on.

use std::io;

/// A point at which a command can be stopped.
#[cfg(debug_assertions)]
pub(super) fn point() -> io::Result<()> {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static PASSED: AtomicUsize = AtomicUsize::new(0);
    let Ok(fault) = std::env::var("NOVA_FAULT") else {
        return Ok(());
    };
    let Some((kind, at)) = fault.split_once(':') else {
        return Ok(());
    };
    let number = PASSED.fetch_add(1, Ordering::Relaxed) + 1;
    let from_there_on = at.ends_with('+');
    let hit = at
        .trim_end_matches('+')
        .parse()
        .is_ok_and(|at: usize| number == at || from_there_on && number > at);
    match kind {
        "kill" if hit => std::process::abort(),
        "full" if hit => Err(io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    }
}

#[cfg(not(debug_assertions))]
#[expect(clippy::unnecessary_wraps, reason = "as in a debug build")]
pub(super) fn point() -> io::Result<()> {
    Ok(())
}
