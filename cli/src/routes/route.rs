//! A route, as the application describes it.

use serde::Deserialize;

/// What the application doesn't say is left open; what is not known here is passed over.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Route {
    pub(crate) kind: String,
    pub(crate) methods: Vec<String>,
    host: Option<String>,
    path: String,
    pub(crate) handler: Option<String>,
    pub(crate) security: Option<String>,
    /// Why it needs no security function.
    pub(crate) public: Option<String>,
    pub(crate) middleware: Vec<String>,
    pub(crate) body_limit: Option<u64>,
    /// Older applications don't say.
    pub(crate) csrf: Option<bool>,
    pub(crate) fallback: Option<String>,
    file: Option<String>,
    line: Option<u32>,
}

/// What an application has printed: its routes, each with its line. Other lines are passed over.
pub(crate) fn read(described: &str) -> Vec<(&str, Route)> {
    let lines = described.lines();
    lines.filter_map(|line| Some((line, Route::of(line)?))).collect()
}

impl Route {
    /// The route on a line, unless the line is something else that the application prints.
    fn of(line: &str) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        value.is_object().then(|| serde_json::from_value(value).ok())?
    }

    /// Its methods as they are shown; none for a status page.
    pub(crate) fn methods(&self) -> String {
        match self.kind.as_str() {
            "websocket" => "WS".to_owned(),
            _ => self.methods.join(","),
        }
    }

    /// Its path, behind the host where it has one.
    pub(crate) fn target(&self) -> String {
        format!("{}{}", self.host.as_deref().unwrap_or_default(), self.path)
    }

    /// Where it is declared.
    pub(crate) fn place(&self) -> String {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            (Some(file), None) => file.clone(),
            (None, _) => String::new(),
        }
    }

    /// Who answers.
    pub(crate) fn handler(&self) -> &str {
        match (&self.handler, self.kind.as_str()) {
            (Some(handler), _) => handler,
            (None, "http" | "websocket") => "a closure",
            (None, _) => "-",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_else_is_printed_is_no_route() {
        for line in ["starting up", "[1]", "12", "", "{\"path\":1}"] {
            assert!(Route::of(line).is_none(), "{line}");
        }
    }
}
