//! Controllers whose types are told in the `OpenAPI` document.

use std::any::type_name;
use std::sync::Arc;

use axum::extract::Request;
use axum::handler::Handler;
use schemars::JsonSchema;

use super::controller::{Answering, Controller, erased};
use crate::openapi::{Answer, Arguments, Documentation, Operation, Returns, Signature};

/// A controller whose arguments and return type are in the `OpenAPI` document: see [`openapi`](crate::openapi).
#[must_use]
pub struct Typed<S = ()> {
    controller: Arc<dyn Controller<S>>,
    documentation: Documentation,
}

/// Tells of a controller what it takes and what it returns. It is called as it would be without.
///
/// ```
/// use nova::openapi::typed;
/// use nova::prelude::*;
///
/// async fn length(text: String) -> Json<usize> {
///     Json(text.len())
/// }
///
/// let group: Group = Group::new("/").post("/length", typed(length).summary("Counts the bytes of a text"));
/// ```
pub fn typed<H, T, U, S>(controller: H) -> Typed<S>
where
    H: Handler<T, S> + Signature<U, Output: Answer>,
    T: 'static,
    U: Arguments,
    S: Clone + Send + Sync + 'static,
{
    fn tell<H: Signature<U, Output: Answer>, U: Arguments>(operation: &mut Operation<'_>) {
        U::tell(operation);
        H::Output::tell(operation);
    }
    Typed {
        controller: erased(controller).into(),
        documentation: Documentation {
            type_name: type_name::<H>(),
            types: tell::<H, U>,
            summary: None,
            description: None,
            tag: None,
            is_deprecated: false,
            returns: Vec::new(),
        },
    }
}

impl<S> Typed<S> {
    /// What it does, in a few words.
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.documentation.summary = Some(summary.into());
        self
    }

    /// What it does, at length; `CommonMark` may be used.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.documentation.description = Some(description.into());
        self
    }

    /// What it is shown together with, in place of its controller's module.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.documentation.tag = Some(tag.into());
        self
    }

    /// It should no longer be used.
    pub fn deprecated(mut self) -> Self {
        self.documentation.is_deprecated = true;
        self
    }

    /// With this status it returns a `T` as JSON. Where a status is told that its return type tells too, this is what counts.
    pub fn returns<T: JsonSchema>(mut self, status: u16) -> Self {
        fn tell<T: JsonSchema>(operation: &mut Operation<'_>, status: u16) {
            operation.returns::<T>(status, "application/json");
        }
        self.documentation.returns.push((status, Returns::Type(tell::<T>)));
        self
    }

    /// With this status it returns nothing, or nothing to be described; and what that means.
    pub fn answers(mut self, status: u16, meaning: impl Into<String>) -> Self {
        self.documentation
            .returns
            .push((status, Returns::Nothing(meaning.into())));
        self
    }

    pub(super) fn documentation(&self) -> &Documentation {
        &self.documentation
    }
}

impl<S> Clone for Typed<S> {
    fn clone(&self) -> Self {
        Self {
            controller: Arc::clone(&self.controller),
            documentation: self.documentation.clone(),
        }
    }
}

impl<S> std::fmt::Debug for Typed<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Typed").field(&self.documentation.type_name).finish()
    }
}

/// Tells this implementation of `Handler` from others.
#[derive(Debug)]
pub struct Documented;

impl<S: Clone + Send + Sync + 'static> Handler<Documented, S> for Typed<S> {
    type Future = Answering;

    fn call(self, request: Request, state: S) -> Answering {
        self.controller.call(request, state)
    }
}
