//! Buffers that belong to a worker thread, lent to whichever connection it runs.
//!
//! A connection has one only while it reads or writes: before it waits for anything, a callback or a peer that does not
//! read, it gives it back, and keeps what is left in a buffer of that size.

use std::cell::Cell;

/// The size of a read.
const INPUT_SIZE: usize = 128 * 1024;
/// The largest output that is kept.
const OUTPUT_SIZE: usize = 256 * 1024;

thread_local! {
    static INPUT: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
    static OUTPUT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Somewhere to read to. What is in it is left from other reads.
pub(super) fn borrow_input() -> Box<[u8]> {
    INPUT.take().unwrap_or_else(|| vec![0; INPUT_SIZE].into_boxed_slice())
}

pub(super) fn give_back_input(buffer: Box<[u8]>) {
    INPUT.set(Some(buffer));
}

/// Somewhere to gather what is to be written: empty, with some room.
pub(super) fn borrow_output() -> Vec<u8> {
    let buffer = OUTPUT.take();
    if buffer.capacity() > 0 {
        buffer
    } else {
        Vec::with_capacity(1024)
    }
}

/// Takes a buffer back. It must be empty.
pub(super) fn give_back(buffer: Vec<u8>) {
    if buffer.is_empty() && (1..=OUTPUT_SIZE).contains(&buffer.capacity()) {
        OUTPUT.set(buffer);
    }
}
