//! Places in files, as links that an editor opens.

use std::fmt::Write as _;
use std::path::PathBuf;

/// How a place is opened.
pub(super) struct Editor {
    root: PathBuf,
    /// A URL with `{file}`, `{line}` and `{column}`.
    template: Option<String>,
}

impl Editor {
    pub(super) fn new(root: PathBuf, template: Option<String>) -> Self {
        Self {
            root,
            // A link is to open an editor, and never to run something in the page.
            template: template
                .filter(|template| !template.trim_start().to_ascii_lowercase().starts_with("javascript:")),
        }
    }

    /// The URL for a place in a file below the project's root; `None` where no editor is named.
    pub(super) fn link(&self, file: &str, line: u64, column: u64) -> Option<String> {
        let template = self.template.as_deref()?;
        let file = self.root.join(file);
        let file = encode(&file.to_string_lossy());
        let url = template
            .replace("{line}", &line.to_string())
            .replace("{column}", &column.to_string());
        Some(url.replace("{file}", &file))
    }
}

/// A path as a part of a URL.
fn encode(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' | b':' => {
                encoded.push(char::from(byte));
            }
            _ => {
                // Writing to a string does not fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_link_where_an_editor_is_named() {
        let template = "vscode://file/{file}:{line}:{column}".to_owned();
        let editor = Editor::new("/home/me/my app".into(), Some(template));
        assert_eq!(
            editor.link("src/a\"{line}.rs", 3, 7).as_deref(),
            Some("vscode://file//home/me/my%20app/src/a%22%7Bline%7D.rs:3:7")
        );
        assert_eq!(
            editor.link("/other/b.rs", 1, 1).as_deref(),
            Some("vscode://file//other/b.rs:1:1")
        );
        assert_eq!(Editor::new("/".into(), None).link("a", 1, 1), None);
        assert_eq!(
            Editor::new("/".into(), Some("JavaScript:{file}".into())).link("a", 1, 1),
            None
        );
    }
}
