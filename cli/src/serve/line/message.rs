//! What is said on the line, as values.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A word of the supervisor to an application that can do without it: news for pages and for the dashboard.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(in crate::serve) enum News {
    Building {
        build: u64,
    },
    Built {
        build: u64,
        seconds: f64,
    },
    Failed {
        build: u64,
        stage: Stage,
        summary: String,
        /// What the terminal shows, with its colours.
        text: String,
        diagnostics: Vec<Diagnostic>,
    },
    Changed {
        files: Vec<PathBuf>,
    },
    History {
        builds: Vec<Entry>,
    },
}

/// Where something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::serve) enum Stage {
    Build,
    Start,
    Views,
}

/// One thing to fix, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(in crate::serve) struct Diagnostic {
    pub(in crate::serve) level: String,
    pub(in crate::serve) message: String,
    /// From the project's root.
    pub(in crate::serve) file: Option<PathBuf>,
    /// From 1, as the column, which is in characters.
    pub(in crate::serve) line: Option<usize>,
    pub(in crate::serve) column: Option<usize>,
}

/// What became of a build.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(in crate::serve) struct Entry {
    pub(in crate::serve) build: u64,
    pub(in crate::serve) files: Vec<PathBuf>,
    pub(in crate::serve) outcome: &'static str,
    pub(in crate::serve) seconds: f64,
    pub(in crate::serve) moved: u64,
    pub(in crate::serve) closed: Vec<Closed>,
}

/// WebSockets that were closed, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::serve) struct Closed {
    pub(in crate::serve) reason: String,
    pub(in crate::serve) count: u64,
}

/// What an application says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(in crate::serve) enum Said {
    /// The open WebSockets have been given.
    Moved {
        #[serde(default)]
        moved: u64,
        #[serde(default)]
        closed: Vec<Closed>,
    },
    /// They have not.
    Kept {
        #[serde(default)]
        reason: String,
    },
    /// The views that changed were read.
    Views {
        #[serde(default)]
        error: Option<String>,
        #[serde(default)]
        file: Option<PathBuf>,
        #[serde(default)]
        line: Option<usize>,
        #[serde(default)]
        column: Option<usize>,
    },
}

impl Said {
    /// What a line says. Another event than these, or something that is none, says nothing.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_read_and_the_rest_is_passed_over() {
        let moved = Said::read(
            br#"{"event":"moved","moved":3,"closed":[{"reason":"x does not travel","count":2}],"milliseconds":1.5,"new":[]}"#,
        );
        let closed = vec![Closed {
            reason: "x does not travel".to_owned(),
            count: 2,
        }];
        assert_eq!(moved, Some(Said::Moved { moved: 3, closed }));
        let kept = Said::read(br#"{"reason":"nobody came","event":"kept"}"#);
        assert_eq!(
            kept,
            Some(Said::Kept {
                reason: "nobody came".to_owned()
            })
        );
        let views = Said::Views {
            error: None,
            file: None,
            line: None,
            column: None,
        };
        assert_eq!(Said::read(br#"{"event":"views","error":null}"#), Some(views));
        for line in [
            &br#"{"event":"later","x":1}"#[..],
            b"{}",
            b"[]",
            b"",
            b"\xff",
            b"{\"event\":\"moved\",\"moved\":-1}",
        ] {
            assert_eq!(Said::read(line), None);
        }
    }

    #[test]
    fn news_name_their_event() {
        let text = serde_json::to_string(&News::Built { build: 2, seconds: 0.5 }).unwrap();
        assert_eq!(text, r#"{"event":"built","build":2,"seconds":0.5}"#);
        let failed = News::Failed {
            build: 3,
            stage: Stage::Views,
            summary: "1 error".to_owned(),
            text: String::new(),
            diagnostics: vec![Diagnostic::default()],
        };
        assert_eq!(
            serde_json::to_string(&failed).unwrap(),
            r#"{"event":"failed","build":3,"stage":"views","summary":"1 error","text":"","diagnostics":[{"level":"","message":"","file":null,"line":null,"column":null}]}"#
        );
    }
}
