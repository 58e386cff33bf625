//! The guide in `docs/` holds together: every page is in the book, every link leads somewhere, every snippet is checked in
//! the way of its language, and every guarantee has its test.

#![expect(clippy::unwrap_used, reason = "whatever goes wrong here fails a test")]

mod guarantees;
mod names;
mod pages;
mod snippets;
