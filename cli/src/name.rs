//! A name: checked once, where it was typed, then spelled as files, code or URLs need it.

use crate::error::{Error, Result};

/// No name is longer: file names, route tables and rustfmt's lines stay in bounds.
const LONGEST: usize = 64;

/// Keywords of every edition, the reserved ones among them. `syn` accepts some, `gen` for one.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Crates that every Rust program can name.
const STANDARD_CRATES: &[&str] = &["alloc", "core", "proc_macro", "std", "test"];

/// A valid name: one or more words of lowercase ASCII letters and digits, the first beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    words: Vec<String>,
}

/// A name below others: `admin/users`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamePath {
    /// The modules around it.
    above: Vec<Name>,
    pub(crate) name: Name,
}

/// No name stands below more than this many others, less one.
const DEEPEST: usize = 8;

/// What is being named: how a refusal reads, and what else is taken.
#[derive(Debug)]
pub(crate) struct Role<'a> {
    /// As in "can't be a controller name".
    pub(crate) what: String,
    /// What is typed in front of the name.
    pub(crate) command: String,
    /// A name that is always good.
    pub(crate) example: &'a str,
    /// Names that are taken, each with the reason.
    pub(crate) taken: Vec<(String, String)>,
}

impl Role<'_> {
    fn refuse(&self, typed: &str, reason: &str, suggestion: &str) -> Error {
        Error::usage(format!("`{}` can't be {} name: {reason}", shown(typed), self.what))
            .detail("nothing was written")
            .help(format!("{}{suggestion}", self.command))
    }
}

impl NamePath {
    /// Parses `typed`, names with a `/` between each two, or says why it can't be used and what to type instead.
    pub(crate) fn parse(typed: &str, role: &Role<'_>) -> Result<Self> {
        Self::check(typed, role).map_err(|reason| {
            let parts = typed
                .split(['/', '\\'])
                .filter(|part| !matches!(*part, "" | "." | ".."));
            let near: Vec<String> = parts.take(DEEPEST).map(|part| suggestion(part, role)).collect();
            let near = if near.is_empty() {
                role.example.to_owned()
            } else {
                near.join("/")
            };
            role.refuse(typed, &reason, &near)
        })
    }

    fn check(typed: &str, role: &Role<'_>) -> Result<Self, String> {
        if typed.starts_with('/') || typed.split('/').any(|part| part == "." || part.contains("..")) {
            return Err("it leads out of the project".to_owned());
        }
        if typed.contains('/') && typed.split('/').any(str::is_empty) {
            return Err("each `/` must stand between two names".to_owned());
        }
        if typed.len() > LONGEST {
            return Err(format!("it is longer than {LONGEST} characters"));
        }
        let mut above: Vec<Name> = typed
            .split('/')
            .take(DEEPEST + 1)
            .map(|part| Name::check(part, role))
            .collect::<Result<_, _>>()?;
        if above.len() > DEEPEST {
            return Err(format!("it is deeper than {DEEPEST} names"));
        }
        let name = above.pop().ok_or("it is empty")?;
        Ok(Self { above, name })
    }

    /// `admin/blog_post`: files.
    pub(crate) fn path(&self) -> String {
        self.joined("/", Name::snake)
    }

    /// `admin::blog_post`: modules.
    pub(crate) fn module(&self) -> String {
        self.joined("::", Name::snake)
    }

    /// `/admin/blog-post`
    pub(crate) fn url(&self) -> String {
        format!("/{}", self.joined("/", Name::kebab))
    }

    fn joined(&self, between: &str, spelled: fn(&Name) -> String) -> String {
        let parts: Vec<String> = self.above.iter().chain([&self.name]).map(spelled).collect();
        parts.join(between)
    }
}

impl Name {
    /// Parses `typed`, or says why it can't be used and what to type instead.
    pub(crate) fn parse(typed: &str, role: &Role<'_>) -> Result<Self> {
        Self::check(typed, role).map_err(|reason| role.refuse(typed, &reason, &suggestion(typed, role)))
    }

    /// `blog_post`: modules, files, functions.
    pub(crate) fn snake(&self) -> String {
        self.words.join("_")
    }

    /// `blog-post`: URLs, packages.
    pub(crate) fn kebab(&self) -> String {
        self.words.join("-")
    }

    /// `BlogPost`: types.
    pub(crate) fn pascal(&self) -> String {
        self.words.iter().map(|word| capitalised(word)).collect()
    }

    /// `Blog post`: headings.
    pub(crate) fn title(&self) -> String {
        capitalised(&self.words.join(" "))
    }

    fn check(typed: &str, role: &Role<'_>) -> Result<Self, String> {
        check_characters(typed)?;
        let name = Self {
            words: typed.split(['_', '-']).flat_map(camel_words).collect(),
        };
        let snake = name.snake();
        if snake.len() > LONGEST {
            return Err(format!("it is longer than {LONGEST} characters"));
        }
        if KEYWORDS.contains(&snake.as_str()) {
            return Err("it is a Rust keyword".to_owned());
        }
        if STANDARD_CRATES.contains(&snake.as_str()) {
            return Err("it is a crate of the standard library".to_owned());
        }
        if matches!(snake.as_str(), "main" | "lib") {
            return Err(format!("cargo gives src/{snake}.rs a meaning of its own"));
        }
        if is_windows_device(&snake) {
            return Err("Windows keeps it for a device, and no file can have it there".to_owned());
        }
        if let Some((_, reason)) = role.taken.iter().find(|(taken, _)| *taken == snake) {
            return Err(reason.clone());
        }
        Ok(name)
    }
}

fn check_characters(typed: &str) -> Result<(), String> {
    let reason = if typed.is_empty() {
        "it is empty"
    } else if typed.starts_with("r#") {
        "raw identifiers are not supported"
    } else if typed.starts_with('/') || typed.contains("..") {
        "it is a path"
    } else if typed.contains('\\') {
        "it has a backslash in it"
    } else if typed.contains('/') {
        "it has a `/` in it"
    } else if !typed.is_ascii() {
        "only ASCII letters, digits, `-` and `_` can be used"
    } else if typed.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-') {
        "only letters, digits, `-` and `_` can be used"
    } else if typed.starts_with(|c: char| c.is_ascii_digit()) {
        "it begins with a digit"
    } else if typed.split(['_', '-']).any(str::is_empty) {
        "each `_` or `-` must stand between two words"
    } else {
        return Ok(());
    };
    Err(reason.to_owned())
}

/// Splits `HTTPServer2` into `http` and `server2`: before a capital that follows a small letter or a digit, and before
/// the last capital of several when a small letter follows it.
fn camel_words(part: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before: Option<char> = None;
    let mut rest = part.chars().peekable();
    while let Some(c) = rest.next() {
        let starts_word = match before {
            None => true,
            Some(before) if c.is_ascii_uppercase() => {
                !before.is_ascii_uppercase() || rest.peek().is_some_and(char::is_ascii_lowercase)
            }
            Some(_) => false,
        };
        if starts_word {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(c.to_ascii_lowercase());
        }
        before = Some(c);
    }
    words
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map(|first| first.to_ascii_uppercase().to_string() + chars.as_str())
        .unwrap_or_default()
}

fn is_windows_device(snake: &str) -> bool {
    let numbered = |prefix| {
        snake
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.len() == 1 && matches!(rest.as_bytes()[0], b'1'..=b'9'))
    };
    matches!(snake, "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

/// `typed`, fit for one line of a terminal.
fn shown(typed: &str) -> String {
    let mut shown: String = typed.chars().take(LONGEST / 2).flat_map(char::escape_debug).collect();
    if typed.chars().nth(LONGEST / 2).is_some() {
        shown.push('…');
    }
    shown
}

/// A good name that is near to `typed`, or else the role's example.
fn suggestion(typed: &str, role: &Role<'_>) -> String {
    let near = typed.is_ascii().then(|| {
        typed
            .trim_start_matches("r#")
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join("_")
            .trim_start_matches(|c: char| c.is_ascii_digit() || c == '_')
            .to_owned()
    });
    near.and_then(|near| {
        let prefixed = format!("my_{near}");
        [near, prefixed]
            .iter()
            .find_map(|candidate| Name::check(candidate, role).ok())
    })
    .map_or_else(|| role.example.to_owned(), |name| name.snake())
}

/// The one of these that may have been meant.
pub(crate) fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|name| (strsim::jaro_winkler(typed, name), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn role() -> Role<'static> {
        Role {
            what: "a controller".to_owned(),
            command: "nova gen controller ".to_owned(),
            example: "posts",
            taken: vec![(
                "nova".to_owned(),
                "the project depends on a crate of that name".to_owned(),
            )],
        }
    }

    #[test]
    fn every_spelling_gives_the_same_name() {
        for (typed, snake, pascal, kebab) in [
            ("chat", "chat", "Chat", "chat"),
            ("Chat", "chat", "Chat", "chat"),
            ("blog-post", "blog_post", "BlogPost", "blog-post"),
            ("BlogPost", "blog_post", "BlogPost", "blog-post"),
            ("blog_post", "blog_post", "BlogPost", "blog-post"),
            ("blogPost", "blog_post", "BlogPost", "blog-post"),
            ("BLOG_POST", "blog_post", "BlogPost", "blog-post"),
            ("HTTPServer", "http_server", "HttpServer", "http-server"),
            ("HTTP2Server", "http2_server", "Http2Server", "http2-server"),
            ("ServerHTTP", "server_http", "ServerHttp", "server-http"),
            ("V2", "v2", "V2", "v2"),
            ("a_1", "a_1", "A1", "a-1"),
            ("union", "union", "Union", "union"),
        ] {
            let name = Name::parse(typed, &role()).unwrap();
            assert_eq!(
                (name.snake().as_str(), name.pascal().as_str(), name.kebab().as_str()),
                (snake, pascal, kebab)
            );
        }
        assert_eq!(Name::parse("BlogPost", &role()).unwrap().title(), "Blog post");
    }

    #[test]
    fn a_bad_name_is_refused_with_a_reason_and_a_suggestion() {
        let long = "a".repeat(65);
        for (typed, reason, suggested) in [
            ("", "it is empty", "posts"),
            (" ", "only letters", "posts"),
            ("1abc", "begins with a digit", "abc"),
            ("42", "begins with a digit", "posts"),
            ("my app", "only letters", "my_app"),
            ("a.b", "only letters", "a_b"),
            ("héllo", "only ASCII", "posts"),
            ("日本", "only ASCII", "posts"),
            ("fn", "keyword", "my_fn"),
            ("Fn", "keyword", "my_fn"),
            ("gen", "keyword", "my_gen"),
            ("try", "keyword", "my_try"),
            ("unsized", "keyword", "my_unsized"),
            ("self", "keyword", "my_self"),
            ("Self", "keyword", "my_self"),
            ("crate", "keyword", "my_crate"),
            ("mod", "keyword", "my_mod"),
            ("main", "src/main.rs", "my_main"),
            ("lib", "src/lib.rs", "my_lib"),
            ("_", "between two words", "posts"),
            ("_a", "between two words", "a"),
            ("a--b", "between two words", "a_b"),
            ("r#fn", "raw identifiers", "my_fn"),
            ("r#chat", "raw identifiers", "chat"),
            ("../evil", "it is a path", "evil"),
            ("/etc", "it is a path", "etc"),
            ("a\\b", "backslash", "a_b"),
            ("admin/users", "a `/`", "admin_users"),
            ("std", "standard library", "my_std"),
            ("proc-macro", "standard library", "my_proc_macro"),
            ("test", "standard library", "my_test"),
            ("CON", "Windows", "my_con"),
            ("lpt9", "Windows", "my_lpt9"),
            ("nova", "depends on a crate", "my_nova"),
            (&long, "longer than 64", "posts"),
        ] {
            let error = Name::parse(typed, &role()).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{typed}");
            assert!(error.message().contains(reason), "{typed}: {}", error.message());
            assert_eq!(
                error.help_text(),
                Some(format!("nova gen controller {suggested}").as_str()),
                "{typed}"
            );
        }
    }

    #[test]
    fn a_name_may_stand_below_others() {
        let name = NamePath::parse("admin/BlogPosts", &role()).unwrap();
        assert_eq!(
            (name.path(), name.module(), name.url(), name.name.pascal()),
            (
                "admin/blog_posts".to_owned(),
                "admin::blog_posts".to_owned(),
                "/admin/blog-posts".to_owned(),
                "BlogPosts".to_owned()
            )
        );
        assert_eq!(NamePath::parse("posts", &role()).unwrap().path(), "posts");
        for (typed, reason, suggested) in [
            ("", "it is empty", "posts"),
            ("/etc", "out of the project", "etc"),
            ("../evil", "out of the project", "evil"),
            ("a/../b", "out of the project", "a/b"),
            ("a//b", "between two names", "a/b"),
            ("a/", "between two names", "a"),
            ("admin/fn", "keyword", "admin/my_fn"),
            ("a/b/c/d/e/f/g/h/i", "deeper than 8", "a/b/c/d/e/f/g/h"),
            ("a\\b", "backslash", "a/b"),
        ] {
            let error = NamePath::parse(typed, &role()).unwrap_err();
            assert!(error.message().contains(reason), "{typed}: {}", error.message());
            let help = format!("nova gen controller {suggested}");
            assert_eq!(error.help_text(), Some(help.as_str()), "{typed}");
        }
    }

    #[test]
    fn every_keyword_is_refused_in_every_case() {
        for keyword in KEYWORDS {
            assert!(Name::parse(keyword, &role()).is_err(), "{keyword}");
            assert!(Name::parse(&keyword.to_uppercase(), &role()).is_err(), "{keyword}");
        }
    }

    #[test]
    fn a_refusal_never_carries_control_characters_to_the_terminal() {
        let error = Name::parse("a\u{1b}[31m\nb", &role()).unwrap_err();
        assert!(!error.message().contains(['\u{1b}', '\n']), "{}", error.message());
    }

    proptest! {
        #[test]
        fn any_string_is_refused_or_gives_identifiers(typed in "\\PC{0,12}|[a-zA-Z0-9_-]{0,70}|r#[a-z]{1,4}|[A-Z]{2,6}") {
            match Name::parse(&typed, &role()) {
                Ok(name) => {
                    for ident in [name.snake(), name.pascal()] {
                        prop_assert!(syn::parse_str::<syn::Ident>(&ident).is_ok(), "{ident}");
                        prop_assert!(!KEYWORDS.contains(&ident.as_str()), "{ident}");
                    }
                    prop_assert_eq!(Name::parse(&name.snake(), &role()).unwrap().snake(), name.snake());
                    prop_assert_eq!(Name::parse(&name.kebab(), &role()).unwrap().kebab(), name.kebab());
                }
                Err(error) => {
                    let help = error.help_text().unwrap();
                    let suggested = help.strip_prefix("nova gen controller ").unwrap();
                    prop_assert!(Name::parse(suggested, &role()).is_ok(), "{typed:?} -> {suggested}");
                }
            }
        }
    }
}
