//! WebSocket frames and their bytes (RFC 6455 §5), without input or output.

mod decode;
mod encode;
mod frame;
mod header;
mod text;

pub(crate) use decode::Decoder;
pub(crate) use encode::{encode, encode_close};
pub use frame::{Close, Frame};
pub(crate) use header::{Limits, Violation};
pub use text::Text;
