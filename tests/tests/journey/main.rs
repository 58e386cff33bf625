//! The way of a newcomer, from end to end: the real command makes a project and generates into it; the project is
//! formatted, linted, tested, served, changed while it is served, and opened in a browser.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod kit;

mod answers;
mod audit;
mod chat;
mod client;
mod configuration;
mod container;
mod database;
mod ending;
mod first_hour;
mod generated;
mod lived_in;
mod looks;
mod nodes;
mod output;
mod packages;
mod pages;
mod pictures;
mod production;
mod refusals;
mod reload;
mod spoken;
mod swaps;
mod variants;
