//! Compressed messages in a program that is built without them: there are none.

use bytes::Bytes;

use super::frame::Frame;
use super::header::Violation;

/// The compression of one connection. There is no value of it, and an `Option` of it takes no room.
#[derive(Debug)]
pub(crate) enum Codec {}

impl Codec {
    pub(crate) fn inflate(&mut self, _payload: &[u8], _limit: usize) -> Result<Bytes, Violation> {
        match *self {}
    }

    pub(crate) fn encode(&mut self, _frame: &Frame, _out: &mut Vec<u8>) -> Result<(), &'static str> {
        match *self {}
    }
}
