//! WebSocket frames and their bytes (RFC 6455 §5), without input or output.

pub(crate) mod base64;
mod decode;
#[cfg(feature = "deflate")]
mod deflate;
#[cfg(not(feature = "deflate"))]
#[path = "without_deflate.rs"]
mod deflate;
mod encode;
mod frame;
mod header;
mod text;

pub(crate) use decode::Decoder;
#[cfg(feature = "deflate")]
pub(crate) use deflate::Terms;
pub(crate) use deflate::{Codec, SavedCodec};
pub(crate) use encode::{encode, encode_close};
pub use frame::{Close, Frame};
pub(crate) use header::{Limits, Violation};
pub use text::Text;

#[cfg(test)]
mod tests;
