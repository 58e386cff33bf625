//! Controllers: functions from a request to a reply.

pub mod home;
