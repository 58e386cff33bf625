//! Every name is refused or gives Rust.

use proptest::prelude::*;

use super::*;

/// Keywords of every edition, the reserved and the weak ones; names of the standard library's and of the prelude's, of crates,
/// of what a project has; files that Windows has for itself; and what is a way somewhere.
const WORDS: &[&str] = &[
    "abstract",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "pub",
    "ref",
    "return",
    "self",
    "Self",
    "static",
    "struct",
    "super",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
    "auto",
    "default",
    "macro_rules",
    "raw",
    "safe",
    "union",
    "main",
    "lib",
    "std",
    "core",
    "alloc",
    "proc_macro",
    "test",
    "tests",
    "con",
    "prn",
    "aux",
    "NUL",
    "com1",
    "COM9",
    "lpt1",
    "nova",
    "serde",
    "tokio",
    "draft",
    "store",
    "id",
    "home",
    "controllers",
    "models",
    "views",
    "ws",
    "routes",
    "prelude",
    "json",
    "Routes",
    "Group",
    "Reply",
    "Handler",
    "String",
    "Option",
    "Result",
    "Vec",
    "u64",
    "bool",
    "str",
    "vec",
    "r#fn",
    "'a",
    "_",
    "__",
    "-",
    "--",
    "--json",
    "..",
    ".",
    "...",
    "/",
    "\\",
    "//",
    "~",
    "$HOME",
    "%00",
    "%2e%2e",
    "C:",
    "a:b",
    "*",
    "?",
    "{{name}}",
    "{}",
    "<b>",
    "&",
    "|",
    ";",
    "`id`",
    "$(id)",
    "\"",
    "'",
    "#",
    "@",
    "=",
    "+",
    "\0",
];

/// What somebody may type for a name: words, keywords, other scripts, control characters, ways out of the project.
fn typed() -> impl Strategy<Value = String> {
    let keyword = prop::sample::select(WORDS.to_vec()).prop_map(str::to_owned);
    prop_oneof![
        4 => "[a-zA-Z][a-zA-Z0-9]{0,8}([_-][a-zA-Z][a-zA-Z0-9]{0,8}){0,3}",
        2 => "[a-zA-Z][a-zA-Z0-9]{0,5}(/[a-zA-Z][a-zA-Z0-9]{0,5}){0,9}",
        2 => keyword.clone(),
        1 => (keyword.clone(), keyword.clone()).prop_map(|(a, b)| format!("{a}/{b}")),
        1 => "[a-z]{60,70}",
        1 => "(\\.\\./|/|\\./|[a-z]{1,3}/){1,6}[a-z]{0,3}",
        1 => "\\PC{0,10}",
        1 => "[0-9]{1,3}[a-z_.-]{0,6}",
        1 => "[a-z]{1,4}([ .\u{a0}\u{200b}\u{202e}\u{feff}][a-z]{0,4}){1,3}",
        1 => "[a-z]{0,3}[😀-🙏👨‍👩‍👧🇩🇪é日本ßİıſK]{1,3}[a-z]{0,3}",
        1 => (keyword, "[_.-]{0,2}", "[a-z0-9]{0,3}").prop_map(|(word, between, end)| format!("{word}{between}{end}")),
        1 => "[\\x00-\\x1f\\x7fa-z]{0,6}",
    ]
}

proptest! {
    // Ten thousand names, more where that is asked for.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(10_000)))]

    #[test]
    fn any_name_is_refused_or_gives_rust(typed in typed(), at in 0..KINDS.len()) {
        thread_local! {
            static PROJECT: (tempfile::TempDir, Project, Vec<Kind>) = {
                let (directory, project) = project("\n");
                let kinds = Kind::all(&project.root).unwrap();
                (directory, project, kinds)
            };
        }
        PROJECT.with(|(_, project, kinds)| {
            let kind = &kinds[at];
            let wiring = Wiring { at: None, routed: true };
            let mut notes = Vec::new();
            let generated = named(&typed, kind, "gen", project, &mut notes).and_then(|name| match kind.name.as_str() {
                "controller" => {
                    let actions = controller::actions(&["index".to_owned(), "show".to_owned()], &name, &mut notes)?;
                    controller::generate(kind, &name, &actions, &wiring, project)
                }
                "resource" => {
                    let fields = resource::fields(&["title".to_owned()], &name, &mut notes)?;
                    resource::generate(kind, &name, &resource::Shape { fields, views: at % 2 == 0 }, &wiring, project)
                }
                _ => generic::generate(kind, &name, &wiring, project),
            });
            let generated = match generated {
                Ok(generated) => generated,
                Err(error) => {
                    assert_eq!(error.exit_code(), 2, "{typed:?}: {}", error.message());
                    assert!(!error.message().contains(char::is_control), "{typed:?}");
                    return;
                }
            };
            // What is there already is a conflict, and nothing else is.
            let checked = match Plan::adding(&project.root, generated.parts).check(Conflicts::Refuse) {
                Ok(checked) => checked,
                Err(refused) => {
                    let message = refused.error.message();
                    assert!(message.contains("already exists") || message.contains("another handler"), "{typed:?}: {message}");
                    return;
                }
            };
            for (path, text) in checked.texts() {
                assert!(path.is_relative() && !path.to_string_lossy().contains(".."), "{typed:?}: {}", path.display());
                if path.extension().is_some_and(|rs| rs == "rs") {
                    assert!(syn::parse_file(text).is_ok(), "{typed:?}: {}", path.display());
                }
            }
        });
    }
}
