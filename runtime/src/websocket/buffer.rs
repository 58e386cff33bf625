//! Buffers that belong to a worker thread, lent to whichever connection it runs.
//!
//! A connection has one only while it reads or writes: before it waits for anything, a callback or a peer that does not
//! read, it gives it back, and keeps what is left in a buffer of that size.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

/// The size of a read.
const INPUT_SIZE: usize = 128 * 1024;
/// The largest output that is kept.
const OUTPUT_SIZE: usize = 256 * 1024;

thread_local! {
    static INPUT: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
    static OUTPUT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Somewhere to read to, given back when it is dropped. What is in it is left from other reads.
pub(super) struct Input(Box<[u8]>);

pub(super) fn borrow_input() -> Input {
    Input(INPUT.take().unwrap_or_else(|| vec![0; INPUT_SIZE].into_boxed_slice()))
}

impl Deref for Input {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Input {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // A thread that ends keeps none.
        let _ = INPUT.try_with(|input| input.set(Some(std::mem::take(&mut self.0))));
    }
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
