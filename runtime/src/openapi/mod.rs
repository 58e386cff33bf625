//! What an application's routes take and give, as an [OpenAPI](https://spec.openapis.org/oas/v3.1.0) 3.1 document. With the
//! feature `openapi`.
//!
//! Every route is in the document by itself: its path with its parameters, its methods, whether a security function is
//! asked. What a controller takes and returns is in it where the controller is [`typed`]:
//!
//! ```
//! use nova::openapi::{JsonSchema, schemars, typed};
//! use nova::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! /// Somebody who may log in.
//! #[derive(Serialize, Deserialize, JsonSchema)]
//! #[schemars(crate = "nova::openapi::schemars")]
//! struct User {
//!     /// As others see it.
//!     name: String,
//!     age: Option<u8>,
//! }
//!
//! async fn show(Path(id): Path<u64>) -> Json<User> {
//!     Json(User { name: format!("user {id}"), age: None })
//! }
//!
//! async fn create(Json(user): Json<User>) -> Reply {
//!     Reply::json(user)
//! }
//!
//! fn routes() -> Routes {
//!     Routes::new().group(
//!         Group::new("/users")
//!             .get("/{id}", typed(show))
//!             .post("/", typed(create).summary("Adds somebody").returns::<User>(201))
//!             .delete("/{id}", async || Reply::status(204)),
//!     )
//! }
//!
//! let document = nova::openapi::document(routes);
//! assert_eq!(document["paths"]["/users"]["post"]["summary"], "Adds somebody");
//! let user = &document["components"]["schemas"]["User"];
//! assert_eq!(user["description"], "Somebody who may log in.");
//! assert!(document["paths"]["/users/{id}"]["delete"].is_object());
//! ```
//!
//! An application that has `schemars` among its own dependencies needs no `#[schemars(crate = …)]`.
//!
//! `nova openapi` writes the document, `/__nova/openapi` shows it in `dev`, and [`document`] gives it to a test. See
//! `docs/openapi.md`.

mod answer;
mod argument;
mod controller;
mod operation;
mod schemas;

pub use answer::Answer;
pub use argument::Argument;
pub use controller::{Arguments, Signature};
pub use operation::Operation;
pub use schemars::{self, JsonSchema};

pub use crate::app::document;
pub use crate::routes::{Typed, typed};

pub(crate) use operation::{Body, Said};
pub(crate) use schemas::{Schemas, references, rewrite};

/// What is known of a controller that is typed.
#[derive(Clone)]
pub(crate) struct Documentation {
    /// Of the controller.
    pub(crate) type_name: &'static str,
    /// Tells what it takes and what it returns.
    pub(crate) types: fn(&mut Operation<'_>),
    pub(crate) summary: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) tag: Option<String>,
    pub(crate) is_deprecated: bool,
    /// What is returned besides: a status, and what tells the type.
    pub(crate) returns: Vec<(u16, Returns)>,
}

/// What a response has in it: a type, or a word about it.
#[derive(Clone)]
pub(crate) enum Returns {
    Type(fn(&mut Operation<'_>, u16)),
    Nothing(String),
}

/// What the guide shows compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/openapi.md")]
struct Guide;
