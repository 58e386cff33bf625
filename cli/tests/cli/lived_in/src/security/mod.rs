//! Security functions: who may go on.

pub mod member;
pub(crate) mod office;
