//! The router beside a slow and obvious one: whatever the table, the same route, the same parameters, the same 404 and 405.

use std::collections::BTreeSet;

use nova::App;
use nova::axum::extract::RawPathParams;
use nova::axum::routing::MethodFilter;
use nova::http::Method;
use nova::prelude::*;
use nova::testing::TestApp;
use nova_tests::Project;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"];
/// No table names the last.
const HOSTS: [&str; 3] = ["one.example", "two.example", "other.example"];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(&'static str),
    Parameter(&'static str),
    Wildcard,
}

#[derive(Clone, Debug)]
struct Declared {
    host: Option<&'static str>,
    /// Below which it is mounted.
    mount: Vec<Part>,
    prefix: Vec<Part>,
    path: Vec<Part>,
    methods: Vec<&'static str>,
}

impl Declared {
    fn parts(&self) -> Vec<Part> {
        [&*self.mount, &*self.prefix, &*self.path].concat()
    }

    /// A part of the whole, as it is declared. A parameter is named by its place in the whole, so that no two are the same.
    fn written(parts: &[Part], before: usize) -> String {
        let parts = parts.iter().enumerate().map(|(index, part)| match part {
            Part::Literal(text) => (*text).to_owned(),
            Part::Parameter(name) => format!("{{{name}{}}}", before + index),
            Part::Wildcard => "{*rest}".to_owned(),
        });
        format!("/{}", parts.collect::<Vec<_>>().join("/"))
    }

    /// What is preferred, compared part by part.
    fn ranks(&self) -> Vec<u8> {
        let rank = |part: &Part| match part {
            Part::Literal(_) => 0,
            Part::Parameter(_) => 1,
            Part::Wildcard => 2,
        };
        self.parts().iter().map(rank).collect()
    }

    /// The parameters, where a path is this route's.
    fn matches(&self, path: &[&str]) -> Option<Vec<(String, String)>> {
        let mut rest = path;
        let mut found = Vec::new();
        for (index, part) in self.parts().iter().enumerate() {
            match part {
                Part::Wildcard => {
                    let all = rest.join("/");
                    return (!all.is_empty()).then(|| {
                        found.push(("rest".to_owned(), decoded(&all)));
                        found
                    });
                }
                Part::Literal(text) => {
                    // `%2F` is no slash, and `%61` is an `a`.
                    if decoded(rest.first()?) != *text {
                        return None;
                    }
                }
                Part::Parameter(name) => {
                    let (value, after) = rest.split_first()?;
                    // Between two slashes it may be empty; at the end that is a slash that is ignored.
                    if value.is_empty() && after.is_empty() {
                        return None;
                    }
                    found.push((format!("{name}{index}"), decoded(value)));
                }
            }
            rest = &rest[1..];
        }
        rest.is_empty().then_some(found)
    }

    /// Whether two can't stand in one table.
    fn is_at_odds_with(&self, other: &Self) -> bool {
        let nameless = |route: &Self| -> Vec<Part> {
            let parts = route.parts().into_iter();
            parts
                .map(|part| match part {
                    Part::Parameter(_) => Part::Parameter(""),
                    part => part,
                })
                .collect()
        };
        self.host == other.host
            && nameless(self) == nameless(other)
            && (self.parts() != other.parts() || self.methods.iter().any(|method| other.methods.contains(method)))
    }
}

fn decoded(text: &str) -> String {
    text.replace("%20", " ").replace("%61", "a").replace("%2F", "/")
}

/// What a request is to be answered with.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Route(String),
    Allow(u16, BTreeSet<String>),
    NotFound,
}

fn expected(table: &[Declared], host: &str, method: &str, path: &str) -> Answer {
    let trimmed = path.trim_end_matches('/');
    let path: Vec<&str> = trimmed.split('/').skip(1).collect();
    for own in [Some(host), None] {
        let of_host = table.iter().filter(|route| route.host == own);
        let Some(best) = of_host
            .clone()
            .filter(|route| route.matches(&path).is_some())
            .min_by_key(|route| route.ranks())
        else {
            continue;
        };
        let known: Vec<&Declared> = of_host.filter(|route| route.parts() == best.parts()).collect();
        let answers = |method: &str| known.iter().find(|route| route.methods.contains(&method));
        if let Some(route) = answers(method).or_else(|| (method == "HEAD").then(|| answers("GET"))?) {
            let number = table.iter().position(|other| std::ptr::eq(other, *route)).unwrap();
            return Answer::Route(written(number, route.matches(&path).unwrap()));
        }
        let mut allow: BTreeSet<String> = known
            .iter()
            .flat_map(|route| &route.methods)
            .map(ToString::to_string)
            .collect();
        if allow.contains("GET") {
            allow.insert("HEAD".to_owned());
        }
        allow.insert("OPTIONS".to_owned());
        return Answer::Allow(if method == "OPTIONS" { 204 } else { 405 }, allow);
    }
    Answer::NotFound
}

fn written(number: usize, parameters: impl IntoIterator<Item = (String, String)>) -> String {
    let parameters = parameters.into_iter().map(|(name, value)| format!(" {name}={value}"));
    format!("{number}{}", parameters.collect::<String>())
}

/// The table, each route of which says its number and its parameters. In a header, which a response to HEAD has too.
fn routes(table: &[Declared]) -> Routes {
    let mut routes = Routes::new();
    for (number, declared) in table.iter().enumerate() {
        let controller = async move |parameters: RawPathParams| {
            let parameters = parameters
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
            [("x-route", written(number, parameters))]
        };
        let methods = declared.methods.iter().map(|method| {
            let method: Method = method.parse().unwrap();
            MethodFilter::try_from(method).unwrap()
        });
        let mut group = Group::new(&Declared::written(&declared.prefix, declared.mount.len()));
        if let Some(host) = declared.host {
            group = group.host(host);
        }
        let path = Declared::written(&declared.path, declared.mount.len() + declared.prefix.len());
        let group = group.on(methods.reduce(MethodFilter::or).unwrap(), &path, controller);
        routes = match declared.mount.is_empty() {
            true => routes.group(group),
            false => routes.mount(&Declared::written(&declared.mount, 0), Routes::new().group(group)),
        };
    }
    routes
}

async fn answer(app: &TestApp, host: &str, method: &str, path: &str) -> Answer {
    let headers = [("host", host)];
    let response = app.request(method.parse().unwrap(), path, &headers, "").await;
    match response.status() {
        200 => Answer::Route(response.header("x-route").unwrap().to_owned()),
        404 => Answer::NotFound,
        status => {
            let allow = response.header("allow").unwrap().split(", ");
            Answer::Allow(status, allow.map(ToOwned::to_owned).collect())
        }
    }
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        3 => select(vec!["a", "b", "ab", "a-b"]).prop_map(Part::Literal),
        2 => select(vec!["x", "y"]).prop_map(Part::Parameter),
    ]
}

fn parts(most: usize) -> impl Strategy<Value = Vec<Part>> {
    prop::collection::vec(part(), 0..=most)
}

fn declared() -> impl Strategy<Value = Declared> {
    let host = prop_oneof![3 => Just(None), 1 => Just(Some(HOSTS[0])), 1 => Just(Some(HOSTS[1]))];
    let mount = prop_oneof![2 => Just(Vec::new()), 1 => parts(1)];
    let methods = subsequence(METHODS.to_vec(), 1..3);
    (host, mount, parts(1), parts(3), any::<(bool, bool)>(), methods).prop_map(
        |(host, mount, prefix, mut path, (wild, wilder), methods)| {
            if wild && wilder {
                path.push(Part::Wildcard);
            }
            Declared {
                host,
                mount,
                prefix,
                path,
                methods,
            }
        },
    )
}

fn path() -> impl Strategy<Value = String> {
    let segments = select(vec!["a", "b", "ab", "a-b", "c", "", "%61", "a%20b", "a%2Fb", "abc"]);
    (prop::collection::vec(segments, 1..5), any::<bool>())
        .prop_map(|(segments, slash)| format!("/{}{}", segments.join("/"), if slash { "/" } else { "" }))
}

fn request() -> impl Strategy<Value = (&'static str, &'static str, String)> {
    (
        select(HOSTS.to_vec()),
        select([&METHODS[..], &["PATCH"]].concat()),
        path(),
    )
}

proptest! {
    #[test]
    fn the_router_finds_what_a_naive_one_finds(
        declared in prop::collection::vec(declared(), 1..12),
        requests in prop::collection::vec(request(), 40),
    ) {
        let mut table: Vec<Declared> = Vec::new();
        for route in declared {
            if !table.iter().any(|other| other.is_at_odds_with(&route)) {
                table.push(route);
            }
        }
        nova::testing::run(async {
            let app = App::new({
                let table = table.clone();
                move || routes(&table)
            });
            let app = app.into_test().await;
            for (host, method, path) in requests {
                let expected = expected(&table, host, method, &path);
                prop_assert_eq!(answer(&app, host, method, &path).await, expected, "{} {}{}", method, host, path);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_table_at_odds_with_itself_is_refused_and_no_other(
        declared in prop::collection::vec(declared(), 2..8),
    ) {
        let at_odds = declared.iter().enumerate().any(|(index, route)| {
            declared[..index].iter().any(|other| other.is_at_odds_with(route))
        });
        if at_odds {
            let refusal = Project::new().refusal(move || App::new(move || routes(&declared)));
            // Both places are told. Here they are one line.
            prop_assert!(refusal.matches(file!()).count() == 2, "{}", refusal);
        } else {
            nova::testing::run(async { drop(App::new(move || routes(&declared)).into_test().await) });
        }
    }
}
