//! A backtrace, folded to the application's own frames.

use std::path::Path;

use super::source::Place;

/// A frame of the application's own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) name: String,
    pub(super) place: Place,
}

/// The framework's own sources, which may be below the project's root, as in a workspace of both.
const FRAMEWORK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// The frames of a backtrace, as the standard library writes it, that are in the project's own files.
pub(super) fn own(backtrace: &str, root: &Path) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    let mut name = "";
    for line in backtrace.lines().map(str::trim) {
        if let Some(at) = line.strip_prefix("at ") {
            let place = placed(at).and_then(|(file, line, column)| Place::new(root, Path::new(file), line, column));
            if let Some(place) = place
                && !root.join(&place.file).starts_with(FRAMEWORK)
                && frames.last().is_none_or(|last| last.place != place)
            {
                frames.push(Frame {
                    name: plain(name),
                    place,
                });
            }
        } else if let Some((number, rest)) = line.split_once(": ")
            && number.parse::<usize>().is_ok()
        {
            name = rest;
        }
    }
    frames
}

/// A file with a line and a column, or with a line alone.
pub(super) fn placed(text: &str) -> Option<(&str, usize, usize)> {
    let (rest, last) = text.rsplit_once(':')?;
    let last = last.parse().ok()?;
    match rest.rsplit_once(':') {
        Some((file, line)) if line.parse::<usize>().is_ok() => Some((file, line.parse().ok()?, last)),
        _ => Some((rest, last, 1)),
    }
}

/// A function's name as in the source: `{{closure}}` or `{async_fn#0}` is what an async function is made of. It is all that
/// there is of the name of one that was inlined, where the debug information is of lines alone.
fn plain(name: &str) -> String {
    let is_named = |part: &&str| !(part.starts_with('{') && part.ends_with('}'));
    let named: Vec<_> = name.split("::").filter(is_named).collect();
    match named[..] {
        [] if name.contains("async_fn") => "an async function".to_owned(),
        [] if name.contains("async_block") => "an async block".to_owned(),
        [] => "a closure".to_owned(),
        _ => named.join("::"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_projects_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        std::fs::create_dir(root.join("src")).unwrap();
        std::fs::write(root.join("src/posts.rs"), "\n\n\n").unwrap();
        let backtrace = "   0: nova::error::Error::new\n             at /elsewhere/nova/src/error.rs:50:13\n\
                         \x20  1: app::posts::show::{{closure}}\n             at ./src/posts.rs:3:9\n\
                         \x20  2: <core::pin::Pin<P> as core::future::Future>::poll\n             at /rustc/1234/library/core/src/future.rs:133:9\n\
                         \x20  3: app::posts::inner\n             at ./src/posts.rs:1:2\n\
                         \x20  4: <unknown>\n";
        let own = own(backtrace, root);
        let shown: Vec<_> = own.iter().map(|frame| (&*frame.name, frame.place.short())).collect();
        assert_eq!(
            shown,
            [
                ("app::posts::show", "src/posts.rs:3".to_owned()),
                ("app::posts::inner", "src/posts.rs:1".to_owned())
            ]
        );
    }

    #[test]
    fn a_name_is_the_sources() {
        for (name, shown) in [
            ("app::posts::show::{{closure}}", "app::posts::show"),
            ("app::posts::show::{async_fn#0}", "app::posts::show"),
            ("app::posts::{impl#0}::show::{closure#1}", "app::posts::show"),
            ("{async_fn#0}", "an async function"),
            ("{async_block#2}", "an async block"),
            ("{{closure}}", "a closure"),
            ("<app::A as app::B>::c", "<app::A as app::B>::c"),
        ] {
            assert_eq!(plain(name), shown, "{name}");
        }
    }

    #[test]
    fn a_place_has_a_line_and_perhaps_a_column() {
        assert_eq!(placed("src/a.rs:3:9"), Some(("src/a.rs", 3, 9)));
        assert_eq!(placed("C:/src/a.rs:3"), Some(("C:/src/a.rs", 3, 1)));
        assert_eq!(placed("src/a.rs"), None);
    }
}
