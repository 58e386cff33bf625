//! Models: what is kept.

pub mod account;
