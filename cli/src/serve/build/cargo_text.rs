//! What cargo writes on standard error, told apart line by line.

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One of the steps that say that cargo works: `   Compiling serde v1.0.228`.
    Step,
    /// A sum of what the diagnostics said one by one.
    Sum,
    /// The first line of an error of cargo's own. What follows belongs to it.
    Error,
    /// Anything else: a warning about the manifest, or that another cargo holds the lock.
    Text,
}

/// The width of cargo's column of verbs.
const VERB_WIDTH: usize = 12;

/// What `line` is, coloured or not.
pub(super) fn kind(line: &str) -> Kind {
    let line = anstream::adapter::strip_str(line).to_string();
    if let Some(verb) = verb(&line) {
        // Who waits for the lock wants to know it: mostly it is the editor that builds.
        return if verb == "Blocking" { Kind::Text } else { Kind::Step };
    }
    if line.starts_with("error") {
        Kind::Error
    } else if is_sum(&line) {
        Kind::Sum
    } else {
        Kind::Text
    }
}

/// Whether `text` is one of the lines, each in the place of the one before, that say how far cargo is:
/// `    Building [=>       ] 11/140: libc, syn`.
pub(super) fn is_frame(text: &str) -> bool {
    let text = anstream::adapter::strip_str(text).to_string();
    verb(&text).is_some() && text[VERB_WIDTH..].starts_with(" [")
}

/// Whether a line of an error of cargo's only says that the compiler, whose errors have been shown, has failed.
pub(super) fn repeats_the_compiler(line: &str) -> bool {
    let line = anstream::adapter::strip_str(line).to_string();
    line.starts_with("error: could not compile") || is_sum(&line)
}

fn is_sum(line: &str) -> bool {
    line.starts_with("warning: build failed, waiting for other jobs")
        || (line.starts_with("warning: `") && line.contains(" generated ") && line.contains(" warning"))
}

/// The verb of a line that is laid out as a step.
fn verb(line: &str) -> Option<&str> {
    let (column, rest) = line.split_at_checked(VERB_WIDTH)?;
    let verb = column.trim_start();
    let is_word =
        verb.starts_with(|first: char| first.is_ascii_uppercase()) && verb.bytes().all(|b| b.is_ascii_alphabetic());
    (is_word && rest.starts_with(' ')).then_some(verb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_known_by_their_column() {
        assert_eq!(kind("   Compiling serde v1.0.228"), Kind::Step);
        assert_eq!(
            kind("    Finished `dev` profile [unoptimized] target(s) in 0.03s"),
            Kind::Step
        );
        assert_eq!(kind(" Downloading crates ..."), Kind::Step);
        assert_eq!(
            kind("\u{1b}[1m\u{1b}[92m   Compiling\u{1b}[0m serde v1.0.228"),
            Kind::Step
        );
        assert_eq!(kind("  Compiling of column"), Kind::Text);
    }

    #[test]
    fn waiting_for_the_lock_is_no_mere_step() {
        assert_eq!(
            kind("    Blocking waiting for file lock on build directory"),
            Kind::Text
        );
    }

    #[test]
    fn warnings_of_cargo_are_shown_and_its_sums_are_not() {
        assert_eq!(kind("warning: unused manifest key: package.colour"), Kind::Text);
        assert_eq!(kind("warning: `myapp` (bin \"myapp\") generated 2 warnings"), Kind::Sum);
        assert_eq!(
            kind("warning: build failed, waiting for other jobs to finish..."),
            Kind::Sum
        );
    }

    #[test]
    fn errors_that_repeat_the_compiler_are_known() {
        let line =
            "\u{1b}[1m\u{1b}[91merror\u{1b}[0m: could not compile `myapp` (bin \"myapp\") due to 1 previous error";
        assert_eq!(kind(line), Kind::Error);
        assert!(repeats_the_compiler(line));
        assert!(!repeats_the_compiler(
            "error: failed to run custom build command for `myapp`"
        ));
    }
}
