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
                let (directory, project) = project_with("\n", Some(Database::Postgres));
                let kinds: Vec<Kind> = Kind::each(&project.root).collect::<Result<_, _>>().unwrap();
                (directory, project, kinds)
            };
        }
        PROJECT.with(|(_, project, kinds)| {
            let kind = &kinds[at];
            let wiring = Wiring {
                at: None,
                routed: true,
                app: true,
            };
            let mut notes = Vec::new();
            let generated = named(&typed, kind, "gen", project, &mut notes).and_then(|name| match kind.name.as_str() {
                "controller" => {
                    let actions = controller::actions(&["index".to_owned(), "show".to_owned()], &name, &mut notes)?;
                    controller::generate(kind, &name, &actions, &wiring, project)
                }
                "resource" => {
                    let fields = resource::fields(&["title".to_owned()], &name, &mut notes)?;
                    let database = project.database().filter(|_| typed.len() % 2 == 0);
                    let shape = resource::Shape { fields, views: at % 2 == 0, database };
                    resource::generate(kind, &name, &shape, &wiring, project)
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

/// Words of SQL, of Rust, and any others.
fn fields() -> impl Strategy<Value = Vec<String>> {
    let words = [
        "order", "group", "user", "select", "table", "index", "primary", "from", "null", "rowid", "oid", "cast", "xmin",
    ];
    let word = proptest::sample::select(words.to_vec()).prop_map(str::to_owned);
    let name = prop_oneof![2 => word, 1 => "[a-z][a-z0-9_]{0,31}", 1 => "\\PC{0,12}"];
    let of = proptest::sample::select(vec!["", ":string", ":int", ":float", ":bool", ":text"]);
    proptest::collection::vec((name, of).prop_map(|(name, of)| name + of), 1..40)
}

proptest! {
    /// Each name of a table or a column is within quotes, where no quote can be in it, and is there as often as it should be.
    #[test]
    fn any_fields_are_refused_or_give_a_table(typed in fields(), postgres in any::<bool>()) {
        thread_local! {
            static PROJECT: (tempfile::TempDir, Project) = project("\n");
        }
        PROJECT.with(|(_, project)| {
            let kind = Kind::find("resource", &project.root).unwrap();
            let wiring = Wiring { at: None, routed: true, app: true };
            let database = Some(if postgres { Database::Postgres } else { Database::Sqlite });
            let name = named("shop/order", &kind, "gen", project, &mut Vec::new()).unwrap();
            let generated = resource::fields(&typed, &name, &mut Vec::new()).and_then(|fields| {
                let shape = resource::Shape { fields, views: false, database };
                resource::generate(&kind, &name, &shape, &wiring, project)
            });
            let generated = match generated {
                Ok(generated) => generated,
                Err(error) => {
                    assert_eq!(error.exit_code(), 2, "{typed:?}: {}", error.message());
                    return;
                }
            };
            let sql = generated.parts.iter().find_map(|part| match part {
                Part::File { path, content, .. } if path.extension().is_some_and(|sql| sql == "sql") => content.text(),
                _ => None,
            });
            let sql = sql.unwrap();
            let (head, rest) = sql.split_once("(\n").unwrap();
            assert!(head.ends_with("CREATE TABLE \"shop_order\" "), "{sql}");
            let columns: Vec<&str> = rest.strip_suffix("\n);\n").unwrap().split(",\n").collect();
            assert_eq!(columns.len(), typed.len() + 1, "{sql}");
            let mut names = std::collections::HashSet::new();
            for column in columns {
                let (name, of) = column.strip_prefix("    \"").and_then(|rest| rest.split_once("\" ")).unwrap();
                assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{sql}");
                assert!(of.chars().all(|c| c.is_ascii_uppercase() || c == ' '), "{sql}");
                assert!(names.insert(name), "{sql}");
            }
        });
    }
}
