//! The application: a table of routes, and what answers them.

pub mod controllers;
mod routes;

pub use routes::routes;
