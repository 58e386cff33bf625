//! `nova routes`: builds the application, asks it for its route table, prints that.

pub(crate) mod layout;
mod route;

use std::process::ExitCode;

pub(crate) use route::{Route, read};

use crate::error::Result;
use crate::project::Project;
use crate::{args, describe, terminal};

/// Runs the command.
pub(crate) fn run(args: &args::Routes) -> Result<ExitCode> {
    let project = Project::here()?;
    let described = match describe::ask(&project, describe::ROUTES)? {
        Ok(described) => described,
        Err(interrupted) => return Ok(interrupted),
    };
    print(&described, &project.name, args);
    Ok(ExitCode::SUCCESS)
}

fn print(described: &str, name: &str, args: &args::Routes) {
    let lines = read(described);
    if lines.is_empty() {
        return terminal::warning("Warning", format_args!("{name} printed no routes"));
    }
    let (lines, routes): (Vec<&str>, Vec<Route>) =
        lines.into_iter().filter(|(_, route)| is_asked_for(route, args)).unzip();
    if lines.is_empty() {
        return terminal::warning("Warning", format_args!("no route of {name} matches"));
    }
    if args.json {
        lines.iter().for_each(terminal::answer);
    } else if args.verbose {
        verbose(&routes).iter().for_each(terminal::answer);
    } else {
        let rows: Vec<_> = routes.iter().map(row).collect();
        let lines = layout::rows(&rows, Some(TITLES), terminal::width());
        lines.iter().for_each(terminal::answer);
    }
}

/// Whether it has one of the methods, and the text in any column.
fn is_asked_for(route: &Route, args: &args::Routes) -> bool {
    let methods = route.methods();
    let has_method = |wanted: &String| methods.split(',').any(|method| method.eq_ignore_ascii_case(wanted));
    if !args.method.is_empty() && !args.method.iter().any(has_method) {
        return false;
    }
    let Some(text) = &args.grep else { return true };
    let text = text.to_lowercase();
    let columns = row(route)
        .into_iter()
        .chain(details(route).into_iter().map(|(_, value)| value));
    columns.into_iter().any(|column| column.to_lowercase().contains(&text))
}

const TITLES: [&str; 5] = ["METHOD", "PATH", "HANDLER", "SECURITY", "PLACE"];

fn row(route: &Route) -> [String; 5] {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    [
        route.methods(),
        route.target(),
        or_dash(&route.handler),
        or_dash(&route.security),
        route.place(),
    ]
}

/// All that is known of a route besides its method and path.
fn details(route: &Route) -> Vec<(&'static str, String)> {
    let mut details = vec![("handler", route.handler().to_owned())];
    if matches!(route.kind.as_str(), "http" | "websocket" | "assets") {
        let none = || "none".to_owned();
        let security = match (&route.security, &route.public) {
            (Some(security), _) => security.clone(),
            (None, Some(because)) => format!("public: {because}"),
            (None, None) => none(),
        };
        details.push(("security", security));
        let middleware = match route.middleware.is_empty() {
            true => none(),
            false => route.middleware.join(", "),
        };
        details.push(("middleware", middleware));
        if route.kind == "http" {
            let limit = match route.body_limit {
                Some(bytes) => format!("{bytes} bytes"),
                None => "server.body_limit".to_owned(),
            };
            details.push(("body limit", limit));
        }
        if route.kind == "http"
            && let Some(csrf) = route.csrf
        {
            details.push(("csrf", if csrf { "on" } else { "off" }.to_owned()));
        }
        details.push(("fallback", route.fallback.clone().unwrap_or_else(none)));
    }
    details.push(("place", route.place()));
    details
}

/// A block for each route, its details below it.
fn verbose(routes: &[Route]) -> Vec<String> {
    let longest = routes.iter().map(|route| route.methods().len()).max();
    let first = longest.unwrap_or_default().min(layout::METHOD);
    let column = first + layout::GAP;
    let mut lines = Vec::new();
    for route in routes {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(format!(
            "{:first$}  {}",
            route.methods(),
            terminal::strong(&route.target())
        ));
        for (name, value) in details(route) {
            lines.push(format!(
                "{:column$}{}{value}",
                "",
                terminal::dim(&format!("{name:<12}"))
            ));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESCRIBED: &str = r#"
{"kind":"http","methods":["GET","HEAD"],"host":null,"path":"/users/{id}","handler":"controllers::users::show","security":"security::bearer","public":null,"middleware":["TraceLayer","security::outer"],"body_limit":10,"csrf":true,"fallback":"controllers::errors::resolve","file":"src/routes.rs","line":12}
{"kind":"websocket","methods":["GET"],"host":"chat.example","path":"/chat","handler":"ws::chat::init","security":null,"file":"src/routes.rs","line":3,"new":[1]}
{"kind":"assets","methods":["GET"],"host":null,"path":"/assets","handler":"assets","security":null,"file":"src/routes.rs","line":4}
{"kind":"http","methods":["POST"],"host":null,"path":"/hook","handler":null,"security":null,"public":"signed by the sender","middleware":[],"body_limit":null,"csrf":false,"fallback":null,"file":"src/routes.rs","line":9}
{"kind":"status","methods":[],"host":null,"path":"404","handler":null,"security":null,"file":"src/routes.rs","line":5}
"#;

    fn routes() -> Vec<Route> {
        read(DESCRIBED).into_iter().map(|(_, route)| route).collect()
    }

    fn plain(lines: &[String]) -> Vec<String> {
        let plain = |line: &String| anstream::adapter::strip_str(line).to_string();
        lines.iter().map(plain).collect()
    }

    #[test]
    fn the_table_is_aligned() {
        let rows: Vec<_> = routes().iter().map(row).collect();
        assert_eq!(
            plain(&layout::rows(&rows, Some(TITLES), None)),
            [
                "METHOD    PATH               HANDLER                   SECURITY          PLACE",
                "GET,HEAD  /users/{id}        controllers::users::show  security::bearer  src/routes.rs:12",
                "WS        chat.example/chat  ws::chat::init            -                 src/routes.rs:3",
                "GET       /assets            assets                    -                 src/routes.rs:4",
                "POST      /hook              -                         -                 src/routes.rs:9",
                "          404                -                         -                 src/routes.rs:5",
            ]
        );
    }

    #[test]
    fn verbose_says_all() {
        assert_eq!(
            plain(&verbose(&routes())).join("\n"),
            "\
GET,HEAD  /users/{id}
        handler     controllers::users::show
        security    security::bearer
        middleware  TraceLayer, security::outer
        body limit  10 bytes
        csrf        on
        fallback    controllers::errors::resolve
        place       src/routes.rs:12

WS      chat.example/chat
        handler     ws::chat::init
        security    none
        middleware  none
        fallback    none
        place       src/routes.rs:3

GET     /assets
        handler     assets
        security    none
        middleware  none
        fallback    none
        place       src/routes.rs:4

POST    /hook
        handler     a closure
        security    public: signed by the sender
        middleware  none
        body limit  server.body_limit
        csrf        off
        fallback    none
        place       src/routes.rs:9

        404
        handler     -
        place       src/routes.rs:5"
        );
    }

    #[test]
    fn routes_are_found_by_any_column_and_by_method() {
        let found = |grep: Option<&str>, methods: &[&str]| -> Vec<String> {
            let args = args::Routes {
                json: false,
                verbose: false,
                grep: grep.map(str::to_owned),
                method: methods.iter().map(|method| (*method).to_owned()).collect(),
            };
            let found = routes().into_iter().filter(|route| is_asked_for(route, &args));
            found.map(|route| route.target()).collect()
        };
        assert_eq!(found(Some("USERS"), &[]), ["/users/{id}"]);
        assert_eq!(found(Some("tracelayer"), &[]), ["/users/{id}"]);
        assert_eq!(found(Some("chat.ex"), &[]), ["chat.example/chat"]);
        assert_eq!(found(Some("routes.rs:4"), &[]), ["/assets"]);
        assert_eq!(found(Some("signed"), &[]), ["/hook"]);
        assert_eq!(found(None, &["ws"]), ["chat.example/chat"]);
        assert_eq!(found(None, &["GET", "post"]), ["/users/{id}", "/assets", "/hook"]);
        assert_eq!(found(Some("assets"), &["HEAD"]), [""; 0]);
    }
}
