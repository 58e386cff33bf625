//! What controllers, security functions and `init` take from a request, where the client may have sent something else.
//!
//! They are axum's extractors by name and use. What is different is that a refusal is a [`Problem`](crate::Problem), which
//! names the field, and that a type costs the compiler one instance of its `Deserialize`. The field is looked for only when
//! something is wrong with it, by functions that know no type: for JSON they ask the same instance what it says to a part of
//! the text, and of names with values each is noted as it is read.

mod body;
mod form;
mod json;
mod message;
#[cfg(feature = "multipart")]
mod multipart;
mod parameters;
mod path;
mod pointer;
mod query;
#[cfg(feature = "multipart")]
mod upload;
mod values;

pub use form::Form;
pub use json::Json;
#[cfg(feature = "multipart")]
pub(crate) use multipart::UploadOptions;
#[cfg(feature = "multipart")]
pub use multipart::{Multipart, MultipartField, MultipartStream};
pub use path::Path;
pub use query::Query;
#[cfg(feature = "multipart")]
pub use upload::Upload;

/// What all of them are: the value, dereferenced to.
macro_rules! wrapper {
    ($name:ident) => {
        impl<T> std::ops::Deref for $name<T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0
            }
        }

        impl<T> std::ops::DerefMut for $name<T> {
            fn deref_mut(&mut self) -> &mut T {
                &mut self.0
            }
        }

        impl<T> From<T> for $name<T> {
            fn from(value: T) -> Self {
                Self(value)
            }
        }
    };
}
use wrapper;
