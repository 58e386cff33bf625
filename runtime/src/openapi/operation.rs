//! What is told of one operation, by the types of its controller.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::Value;

use super::Schemas;

/// One method of one path, to which the types of its controller add what they are: see [`Argument`](super::Argument) and
/// [`Answer`](super::Answer).
#[derive(Debug)]
pub struct Operation<'a> {
    schemas: &'a mut Schemas,
    reads: bool,
    said: Said,
}

/// What was told.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// The schema of all parameters of the path.
    pub(crate) path: Option<Value>,
    /// Schemas of objects, whose members are the parameters.
    pub(crate) query: Vec<Value>,
    /// Names and descriptions.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Body>,
    /// By status: a description, and media types with schemas.
    pub(crate) responses: BTreeMap<String, Response>,
}

/// A request's body.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) is_optional: bool,
    /// Media types with schemas.
    pub(crate) content: BTreeMap<String, Value>,
}

/// A response.
#[derive(Debug, Default)]
pub(crate) struct Response {
    pub(crate) description: Option<String>,
    /// Media types with schemas.
    pub(crate) content: BTreeMap<String, Value>,
}

impl<'a> Operation<'a> {
    pub(crate) fn new(schemas: &'a mut Schemas, reads: bool) -> Self {
        Self {
            schemas,
            reads,
            said: Said::default(),
        }
    }

    pub(crate) fn into_said(self) -> Said {
        self.said
    }

    /// Whether the method has no body: GET or HEAD.
    pub fn reads(&self) -> bool {
        self.reads
    }

    /// The parameters of the path are those of `T`: one value, a tuple in their order, or a struct by their names.
    pub fn path<T: JsonSchema>(&mut self) {
        self.said.path = Some(self.schemas.taken::<T>());
    }

    /// The query has the members of `T`.
    pub fn query<T: JsonSchema>(&mut self) {
        let schema = self.schemas.taken::<T>();
        self.said.query.push(schema);
    }

    /// A header of the request is read.
    pub fn header(&mut self, name: impl Into<String>, description: impl Into<String>) {
        self.said.headers.push((name.into(), description.into()));
    }

    /// The body is a `T` in this media type, such as `application/json`.
    pub fn body<T: JsonSchema>(&mut self, media_type: impl Into<String>) {
        let schema = self.schemas.taken::<T>();
        let body = self.said.body.get_or_insert_default();
        body.content.insert(media_type.into(), schema);
    }

    /// What was told of the body may be left out by the client.
    pub(crate) fn body_is_optional(&mut self) {
        if let Some(body) = &mut self.said.body {
            body.is_optional = true;
        }
    }

    /// With this status the response is a `T` in this media type.
    pub fn returns<T: JsonSchema>(&mut self, status: u16, media_type: impl Into<String>) {
        self.returns_some::<T>(&status.to_string(), media_type);
    }

    /// The same with a range of statuses, such as `2XX`.
    pub(crate) fn returns_some<T: JsonSchema>(&mut self, statuses: &str, media_type: impl Into<String>) {
        let schema = self.schemas.given::<T>();
        let response = self.said.responses.entry(statuses.to_owned()).or_default();
        response.content.insert(media_type.into(), schema);
    }

    /// A response with this status means this, and what its body is is not said.
    pub fn answers(&mut self, status: u16, description: impl Into<String>) {
        let response = self.said.responses.entry(status.to_string()).or_default();
        response.description = Some(description.into());
    }

    /// What was told of this status counts no more, nor that the status is any that says success.
    pub(crate) fn forget(&mut self, status: u16) {
        self.said.responses.remove(&status.to_string());
        if (200..300).contains(&status) {
            self.said.responses.remove("2XX");
        }
    }

    /// The statuses of what was told up to here are not known: it may be any that says success.
    pub(crate) fn with_any_success(&mut self, tell: impl FnOnce(&mut Self)) {
        let before = std::mem::take(&mut self.said.responses);
        tell(self);
        let told = std::mem::replace(&mut self.said.responses, before);
        for (status, response) in told {
            let status = if status.starts_with('2') {
                "2XX".to_owned()
            } else {
                status
            };
            self.said.responses.insert(status, response);
        }
    }
}
