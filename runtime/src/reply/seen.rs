//! What a test sees of a reply.

use super::Reply;
use super::kind::View;

/// On the response to a test's request: what the controller replied, before that was a response.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) kind: String,
    /// The view's name, where the reply has it.
    pub(crate) view: Option<String>,
    /// What is serialised of it.
    pub(crate) data: Option<serde_json::Value>,
}

/// On the same: the error that is behind a 500, and what caused it.
#[derive(Clone, Debug)]
pub(crate) struct Failure(pub(crate) String);

/// On a test's request that asks for it.
#[derive(Clone)]
pub(crate) struct Watched;

impl Seen {
    pub(crate) fn of(reply: &Reply) -> Self {
        let view = reply.payload::<View>().and_then(|view| view.name.as_deref());
        Self {
            kind: reply.kind().to_owned(),
            view: view.map(str::to_owned),
            data: reply.data(),
        }
    }
}
