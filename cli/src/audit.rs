//! `nova audit`: builds the application, asks it for its route table, and lists what in it is a risk.

use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::project::Project;
use crate::routes::{Route, layout, read};
use crate::{args, describe, terminal};

/// Runs the command.
pub(crate) fn run(args: &args::Audit) -> Result<ExitCode> {
    let project = Project::here()?;
    let described = match describe::ask(&project, describe::ROUTES)? {
        Ok(described) => described,
        Err(interrupted) => return Ok(interrupted),
    };
    let routes: Vec<Route> = read(&described).into_iter().map(|(_, route)| route).collect();
    if routes.is_empty() {
        // Green for want of anything to look at would be a gate that nobody guards.
        return Err(Error::failed(format!("{} printed no routes", project.name))
            .detail("nothing was audited")
            .help("does its program run the application? Cargo.toml's default-run says which one it is"));
    }
    let found = audit(&routes, &project.root);
    if args.json {
        json(&found).iter().for_each(terminal::answer);
    } else {
        text(&found, terminal::width()).iter().for_each(terminal::answer);
    }
    let summary = summary(&routes, &found);
    if found.is_empty() {
        terminal::status("Audited", format_args!("{}: {summary}", project.name));
        return Ok(ExitCode::SUCCESS);
    }
    terminal::failure("Audited", format_args!("{}: {summary}", project.name));
    Ok(ExitCode::FAILURE)
}

/// What is looked for: when a route is a risk, why that is one, and what to do.
struct Rule {
    name: &'static str,
    risk: &'static str,
    advice: &'static str,
    applies: fn(&Route, &Path) -> bool,
}

/// In the order in which they are told, the worst first.
const RULES: [Rule; 6] = [
    Rule {
        name: "own-files",
        risk: "Serves the project's own files: its settings, its code or its history",
        advice: "serve a directory that holds only what everybody may read",
        applies: |route, root| route.kind == "assets" && serves_own_files(route, root),
    },
    Rule {
        name: "unsecured",
        risk: "Changes state, and asks no security function",
        advice: "give its group .security(…), or .public(\"why\") where anybody may",
        applies: |route, _| changes_state(route) && is_open(route),
    },
    Rule {
        name: "forgeable",
        risk: "Takes what pages of other sites send (csrf is off), unsecured",
        advice: "leave csrf on, or check who sends it in .security(…)",
        applies: |route, _| changes_state(route) && is_open(route) && route.csrf == Some(false),
    },
    Rule {
        name: "any-method",
        risk: "Answers every method alike, those that only read and those that delete",
        advice: "declare the methods that it is for",
        applies: |route, _| route.kind == "http" && ALL.iter().all(|method| has(route, method)),
    },
    Rule {
        name: "proxy-method",
        risk: "Answers a method that is for proxies",
        advice: "take CONNECT and TRACE out of its methods",
        applies: |route, _| route.kind == "http" && (has(route, "CONNECT") || has(route, "TRACE")),
    },
    Rule {
        name: "contradiction",
        risk: "Is said to be public, and asks a security function",
        advice: "take .public(…) away, or put the public routes into a group of their own",
        applies: |route, _| route.public.is_some() && route.security.is_some(),
    },
];

const CHANGING: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];
const ALL: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// What no directory of assets has in it.
const OWN_FILES: [&str; 5] = ["Cargo.toml", "nova.toml", ".env", ".git", "src"];

fn has(route: &Route, method: &str) -> bool {
    route.methods.iter().any(|known| known == method)
}

fn changes_state(route: &Route) -> bool {
    route.kind == "http" && CHANGING.iter().any(|method| has(route, method))
}

fn is_open(route: &Route) -> bool {
    route.security.is_none() && route.public.is_none()
}

fn serves_own_files(route: &Route, root: &Path) -> bool {
    let directory = root.join(route.handler.as_deref().unwrap_or_default());
    let is_own = OWN_FILES.iter().any(|name| directory.join(name).exists());
    // One file may be served as well as a directory.
    is_own
        || directory
            .file_name()
            .is_some_and(|name| directory.is_file() && OWN_FILES.iter().any(|own| name == *own))
}

/// The rules that some routes break, with those routes.
fn audit<'a>(routes: &'a [Route], root: &Path) -> Vec<(&'static Rule, Vec<&'a Route>)> {
    let found = RULES.iter().map(|rule| {
        let broken = routes.iter().filter(|route| (rule.applies)(route, root));
        (rule, broken.collect::<Vec<_>>())
    });
    found.filter(|(_, routes)| !routes.is_empty()).collect()
}

fn summary(routes: &[Route], found: &[(&Rule, Vec<&Route>)]) -> String {
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let findings: usize = found.iter().map(|(_, routes)| routes.len()).sum();
    let findings = match findings {
        0 => "nothing found".to_owned(),
        findings => count(findings, "finding"),
    };
    let public = routes.iter().filter(|route| route.public.is_some()).count();
    let public = match public {
        0 => String::new(),
        public => format!(", {public} public on purpose"),
    };
    let all = routes.iter().filter(|route| route.kind != "status").count();
    format!("{findings} in {}{public}", count(all, "route"))
}

fn text(found: &[(&Rule, Vec<&Route>)], width: Option<usize>) -> Vec<String> {
    let mut lines = Vec::new();
    for (rule, routes) in found {
        lines.push(terminal::strong(rule.risk));
        let rows: Vec<_> = routes
            .iter()
            .map(|route| {
                [
                    route.methods(),
                    route.target(),
                    route.handler().to_owned(),
                    route.place(),
                ]
            })
            .collect();
        let rows = layout::rows(&rows, None, width.map(|width| width.saturating_sub(2)));
        lines.extend(rows.into_iter().map(|row| format!("  {row}")));
        lines.push(format!("  {} {}", terminal::dim("help:"), rule.advice));
        lines.push(String::new());
    }
    lines
}

/// A finding, for tools.
#[derive(Serialize)]
struct Finding<'a> {
    rule: &'a str,
    risk: &'a str,
    advice: &'a str,
    methods: &'a [String],
    path: String,
    handler: Option<&'a str>,
    place: String,
}

fn json(found: &[(&Rule, Vec<&Route>)]) -> Vec<String> {
    let findings = found.iter().flat_map(|(rule, routes)| {
        routes.iter().map(|route| Finding {
            rule: rule.name,
            risk: rule.risk,
            advice: rule.advice,
            methods: &route.methods,
            path: route.target(),
            handler: route.handler.as_deref(),
            place: route.place(),
        })
    });
    // It has nothing that does not serialise.
    findings
        .filter_map(|finding| serde_json::to_string(&finding).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str, root: &Path) -> Vec<&'static str> {
        let routes: Vec<Route> = read(line).into_iter().map(|(_, route)| route).collect();
        assert_eq!(routes.len(), 1, "{line}");
        audit(&routes, root).into_iter().map(|(rule, _)| rule.name).collect()
    }

    #[test]
    fn each_risk_is_found_and_nothing_else() {
        const NONE: [&str; 0] = [];
        let root = tempfile::tempdir().unwrap();
        let http = |methods: &str, more: &str| {
            let line = format!(r#"{{"kind":"http","methods":[{methods}],"path":"/a"{more}}}"#);
            found(&line, root.path())
        };
        assert_eq!(http(r#""GET""#, ""), NONE);
        assert_eq!(http(r#""GET""#, r#","csrf":false"#), NONE);
        for method in CHANGING {
            let method = format!("{method:?}");
            assert_eq!(http(&method, ""), ["unsecured"]);
            assert_eq!(http(&method, r#","security":"bearer""#), NONE);
            assert_eq!(http(&method, r#","security":"bearer","csrf":false"#), NONE);
            assert_eq!(http(&method, r#","public":"why""#), NONE);
            assert_eq!(http(&method, r#","public":"why","csrf":false"#), NONE);
            assert_eq!(http(&method, r#","csrf":false"#), ["unsecured", "forgeable"]);
            assert_eq!(http(&method, r#","csrf":true"#), ["unsecured"]);
        }
        let all = r#""GET","POST","PUT","PATCH","DELETE","TRACE""#;
        assert_eq!(http(all, r#","security":"bearer""#), ["any-method", "proxy-method"]);
        assert_eq!(
            http(r#""GET""#, r#","public":"why","security":"bearer""#),
            ["contradiction"]
        );
        let websocket = r#"{"kind":"websocket","methods":["GET"],"path":"/ws"}"#;
        assert_eq!(found(websocket, root.path()), NONE);
    }

    #[test]
    fn assets_that_are_the_project_itself_are_found() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("assets")).unwrap();
        std::fs::write(root.path().join("nova.toml"), "").unwrap();
        let assets = |directory: &str| {
            let line = format!(r#"{{"kind":"assets","methods":["GET"],"path":"/a","handler":"{directory}"}}"#);
            !found(&line, root.path()).is_empty()
        };
        assert!(!assets("assets"));
        assert!(assets("."));
        assert!(assets(""));
        assert!(assets("assets/.."));
        assert!(assets("nova.toml"));
    }

    #[test]
    fn findings_are_told_by_risk() {
        let described = r#"
{"kind":"http","methods":["POST"],"path":"/login","handler":"controllers::login::create","file":"src/routes.rs","line":7}
{"kind":"http","methods":["DELETE"],"path":"/items/{id}","csrf":false,"file":"src/routes.rs","line":12}
{"kind":"http","methods":["POST"],"path":"/hook","public":"it is signed","csrf":false,"file":"src/routes.rs","line":9}
{"kind":"status","methods":[],"path":"404"}"#;
        let routes: Vec<Route> = read(described).into_iter().map(|(_, route)| route).collect();
        let found = audit(&routes, Path::new("/nowhere"));
        let lines = text(&found, Some(80));
        let plain = lines.iter().map(|line| anstream::adapter::strip_str(line).to_string());
        assert_eq!(
            plain.collect::<Vec<_>>().join("\n"),
            "\
Changes state, and asks no security function
  POST    /login       controllers::login::create  src/routes.rs:7
  DELETE  /items/{id}  a closure                   src/routes.rs:12
  help: give its group .security(…), or .public(\"why\") where anybody may

Takes what pages of other sites send (csrf is off), unsecured
  DELETE  /items/{id}  a closure  src/routes.rs:12
  help: leave csrf on, or check who sends it in .security(…)
"
        );
        assert_eq!(summary(&routes, &found), "3 findings in 3 routes, 1 public on purpose");
        assert_eq!(json(&found).len(), 3);
        let first: serde_json::Value = serde_json::from_str(&json(&found)[0]).unwrap();
        assert_eq!(
            (&first["rule"], &first["place"]),
            (&"unsecured".into(), &"src/routes.rs:7".into())
        );
    }
}
