//! Controllers: functions from a request to a reply.
