//! One event, as it is sent.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

/// An event of a stream: data of any number of lines, with a name and an id where they are given.
///
/// ```
/// use nova::sse::Event;
///
/// let event = Event::new("two\nlines").named("news").with_id("7");
/// assert_eq!(event.to_string(), "event: news\nid: 7\ndata: two\ndata: lines\n\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "it is sent by a stream that gives it"]
pub struct Event {
    /// The fields so far, each with its line ends.
    fields: String,
    data: Option<String>,
}

impl Event {
    /// An event with this text. What ends a line in it (CR LF, CR or LF) arrives as LF.
    pub fn new(data: impl Into<String>) -> Self {
        Self {
            fields: String::new(),
            data: Some(data.into()),
        }
    }

    /// An event with a value as JSON.
    ///
    /// # Errors
    /// When the value's `Serialize` fails.
    pub fn json(data: &impl Serialize) -> serde_json::Result<Self> {
        serde_json::to_string(data).map(Self::new)
    }

    /// Names it: a page listens to `news` with `addEventListener("news", …)`, and to what has no name as `message`.
    pub fn named(self, name: impl AsRef<str>) -> Self {
        self.field("event", name.as_ref())
    }

    /// Gives it an id. A client that comes back says the last that it has: [`Sse::last_event_id`](super::Sse::last_event_id).
    pub fn with_id(self, id: impl AsRef<str>) -> Self {
        // A client forgets all ids for one with a NUL in it.
        let id = id.as_ref().replace('\0', "");
        self.field("id", &id)
    }

    /// Nothing but the time that clients wait before they come back.
    pub(super) fn retry(after: Duration) -> Self {
        let fields = format!("retry: {}\n", after.as_millis());
        Self { fields, data: None }
    }

    /// A field of one line: what would end it is left out, for it may be a stranger's.
    fn field(mut self, name: &str, value: &str) -> Self {
        // A string takes all that is written to it.
        let _ = writeln!(self.fields, "{name}: {}", value.replace(['\r', '\n'], ""));
        self
    }
}

impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.fields)?;
        if let Some(data) = &self.data {
            let data = data.replace("\r\n", "\n");
            for line in data.split(['\r', '\n']) {
                writeln!(f, "data: {line}")?;
            }
        }
        f.write_char('\n')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_it_makes_another_event() {
        assert_eq!(Event::new("").to_string(), "data: \n\n");
        assert_eq!(
            Event::new("a\r\nb\rc\n").to_string(),
            "data: a\ndata: b\ndata: c\ndata: \n\n"
        );
        let event = Event::new("x").named("a\n\ndata: b").with_id("1\r\n\0").to_string();
        assert_eq!(event, "event: adata: b\nid: 1\ndata: x\n\n");
        assert_eq!(Event::retry(Duration::from_millis(1500)).to_string(), "retry: 1500\n\n");
        assert_eq!(Event::json(&[1]).unwrap().to_string(), "data: [1]\n\n");
    }
}
