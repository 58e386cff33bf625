//! Conformance to RFC 6455: what a server must answer to every kind of client, as tables of cases, one for each chapter.
//!
//! A case is data: what is sent, and what must come back, to the last byte. The runner plays it whole, byte by byte and
//! cut at random; it names the case, its section of the RFC and the seed when one fails, and `CONFORMANCE_SEED` plays
//! the same cuts again. Whoever breaks the protocol must be told so by the close code, in each of these ways.
//!
//! Cuts are writes of their own, which the server reads as they come: two may still meet in one read. That any cut of the
//! stream gives the same frames is proven beside the decoder, where nothing is between them.

#![expect(clippy::unwrap_used, reason = "whatever goes wrong here fails a test")]

mod case;
mod chop;
mod runner;

mod abuse;
mod closing;
mod control;
mod fragmentation;
mod framing;
mod fuzz;
mod limits;
mod opening;
mod pings;
mod reserved;
mod sizes;
mod utf8;
