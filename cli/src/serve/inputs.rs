//! What a program was built from, as cargo writes it beside the program (`myapp.d`): also what a build script has declared
//! and what code includes from elsewhere.

use std::path::{Path, PathBuf};

/// The files and directories that the program at `executable` was built from.
pub(super) fn of(executable: &Path) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(executable.with_extension("d")).unwrap_or_default();
    read(&text)
}

/// Reads a rule in the manner of make: `target: file file`, in which a space of a name has a backslash before it.
fn read(text: &str) -> Vec<PathBuf> {
    // The first place where a target ends: a name may have a colon, but not with a space after it that has no backslash.
    let Some((_, files)) = text.split_once(": ") else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut name = String::new();
    let mut letters = files.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.peek() == Some(&' ') => name.extend(letters.next()),
            letter if letter.is_whitespace() => found.push(std::mem::take(&mut name)),
            letter => name.push(letter),
        }
    }
    found.push(name);
    found
        .into_iter()
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_have_spaces() {
        let read = |text| {
            read(text)
                .iter()
                .map(|path| path.display().to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            read("/t/my\\ app: /a/src/main.rs /a/my\\ proto/x.proto /a/b\\c\n"),
            ["/a/src/main.rs", "/a/my proto/x.proto", "/a/b\\c"]
        );
        assert!(read("").is_empty() && read("/t/app: ").is_empty() && read("x").is_empty());
    }
}
