//! WebSocket frames and their bytes (RFC 6455 §5), without input or output.

mod decode;
mod encode;
mod frame;
mod text;

pub(crate) use decode::{Decoder, Limits, Violation};
pub(crate) use encode::{encode, encode_close};
pub use frame::{Close, Frame};
pub use text::Text;

#[cfg(test)]
mod tests;
