//! The editor of the one who runs the command, by which a page opens a place in a file.

use std::path::Path;

/// Editors by the names of their commands, and the URL that each listens to.
const EDITORS: [(&str, &str); 14] = [
    ("code", "vscode://file/{file}:{line}:{column}"),
    ("code-insiders", "vscode-insiders://file/{file}:{line}:{column}"),
    ("codium", "vscodium://file/{file}:{line}:{column}"),
    ("cursor", "cursor://file/{file}:{line}:{column}"),
    ("windsurf", "windsurf://file/{file}:{line}:{column}"),
    ("zed", "zed://file/{file}:{line}:{column}"),
    ("zeditor", "zed://file/{file}:{line}:{column}"),
    ("idea", "idea://open?file={file}&line={line}&column={column}"),
    ("rustrover", "rustrover://open?file={file}&line={line}&column={column}"),
    ("clion", "clion://open?file={file}&line={line}&column={column}"),
    ("subl", "subl://open?url=file://{file}&line={line}&column={column}"),
    ("mate", "txmt://open?url=file://{file}&line={line}&column={column}"),
    ("mvim", "mvim://open?url=file://{file}&line={line}&column={column}"),
    (
        "bbedit",
        "x-bbedit://open?url=file://{file}&line={line}&column={column}",
    ),
];

/// The value of `NOVA_EDITOR` for the application: what it is already, or else what the terminal that one works in belongs
/// to, or else `VISUAL` and `EDITOR`. None for an editor that listens to no URL.
pub(super) fn detect(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    if let Some(chosen) = variable("NOVA_EDITOR") {
        return Some(chosen);
    }
    let terminal = match variable("TERM_PROGRAM").as_deref() {
        // It calls itself by the name of what it was made from.
        Some("vscode") if variable("CURSOR_TRACE_ID").is_some() => Some("cursor"),
        Some("vscode") => Some("code"),
        Some("zed") => Some("zed"),
        _ => variable("TERMINAL_EMULATOR")
            .filter(|name| name.starts_with("JetBrains"))
            .map(|_| "idea"),
    };
    let mut commands = ["VISUAL", "EDITOR"].into_iter().filter_map(variable);
    terminal
        .and_then(url)
        .or_else(|| commands.find_map(|command| url(name(&command)?)))
}

/// The name of the program in a command line such as `/usr/bin/code --wait`.
fn name(command: &str) -> Option<&str> {
    Path::new(command.split_whitespace().next()?).file_name()?.to_str()
}

fn url(name: &str) -> Option<String> {
    let (_, url) = EDITORS.iter().find(|(known, _)| *known == name)?;
    Some((*url).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(variables: &[(&str, &str)]) -> Option<String> {
        detect(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_nearest_editor_is_found() {
        let code = "vscode://file/{file}:{line}:{column}";
        assert_eq!(detected(&[("EDITOR", "/usr/bin/code --wait")]).as_deref(), Some(code));
        assert_eq!(
            detected(&[("VISUAL", "zed"), ("EDITOR", "code")]).as_deref(),
            Some("zed://file/{file}:{line}:{column}")
        );
        assert_eq!(
            detected(&[("TERM_PROGRAM", "vscode"), ("EDITOR", "zed")]).as_deref(),
            Some(code)
        );
        assert!(
            detected(&[("TERM_PROGRAM", "vscode"), ("CURSOR_TRACE_ID", "1")])
                .unwrap()
                .starts_with("cursor:")
        );
        assert!(
            detected(&[("TERMINAL_EMULATOR", "JetBrains-JediTerm")])
                .unwrap()
                .starts_with("idea:")
        );
        assert_eq!(
            detected(&[("NOVA_EDITOR", "x://{file}"), ("EDITOR", "code")]).as_deref(),
            Some("x://{file}")
        );
    }

    #[test]
    fn an_editor_without_a_url_is_none() {
        for variables in [&[("EDITOR", "vim")][..], &[("EDITOR", "")], &[("EDITOR", " ")], &[]] {
            assert_eq!(detected(variables), None);
        }
    }
}
