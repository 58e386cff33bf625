//! Configuration: its layers, and errors that say key, file, line and expectation.

use nova::prelude::*;
use nova::{App, Config};
use nova_tests::{Project, Server};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Greeting {
    text: String,
    times: u32,
}

impl Default for Greeting {
    fn default() -> Self {
        Self {
            text: "hello".into(),
            times: 1,
        }
    }
}

async fn greet(config: Config) -> nova::Result<String> {
    let greeting: Greeting = config.section("app")?;
    Ok(format!("{} {}", greeting.text, greeting.times))
}

fn routes() -> Routes {
    Routes::new().group(Group::new("/").get("/", greet))
}

fn served(project: Project) -> Server {
    project.serve(|| App::new(routes))
}

fn refusal(toml: &str) -> String {
    Project::new().file("nova.toml", toml).refusal(|| App::new(routes))
}

#[test]
fn everything_has_a_default() {
    assert_eq!(served(Project::new()).get("/").text(), "hello 1");
}

#[test]
fn the_environment_overrides_the_file_and_a_variable_overrides_both() {
    let toml = "[app]\ntext = \"file\"\ntimes = 2\n[env.staging.app]\ntext = \"staging\"\n[env.prod.app]\ntimes = 9\n";
    let project = || Project::new().file("nova.toml", toml);
    assert_eq!(served(project()).get("/").text(), "file 2");
    assert_eq!(served(project().environment("staging")).get("/").text(), "staging 2");
    let project = project().environment("staging").variable("NOVA_APP_TEXT", "variable");
    assert_eq!(served(project).get("/").text(), "variable 2");
}

#[test]
fn a_wrong_value_names_file_line_key_and_expectation() {
    let refusal = refusal("# first\n[server]\nport = \"many\"\n");
    for part in ["nova.toml:3", "server.port", "\"many\"", "u16"] {
        assert!(refusal.contains(part), "{part}: {refusal}");
    }
}

#[test]
fn a_wrong_value_of_an_environment_is_named_too() {
    let refusal = refusal("[env.test.websocket]\nidle_timeout = -1\n");
    for part in ["nova.toml:2", "websocket.idle_timeout", "-1"] {
        assert!(refusal.contains(part), "{part}: {refusal}");
    }
}

#[test]
fn a_wrong_variable_is_named() {
    let project = Project::new().variable("NOVA_SERVER_BODY_LIMIT", "lots");
    let refusal = project.refusal(|| App::new(routes));
    for part in ["NOVA_SERVER_BODY_LIMIT", "server.body_limit", "\"lots\""] {
        assert!(refusal.contains(part), "{part}: {refusal}");
    }
}

#[test]
fn an_unknown_key_names_those_that_exist() {
    let refusal = refusal("[server]\nprot = 1\n");
    for part in ["nova.toml:2", "server.prot", "`port`"] {
        assert!(refusal.contains(part), "{part}: {refusal}");
    }
}

#[test]
fn an_unknown_section_names_those_that_exist() {
    let refusal = refusal("\n[sever]\nport = 1\n");
    for part in ["nova.toml:2", "sever", "`server`"] {
        assert!(refusal.contains(part), "{part}: {refusal}");
    }
}

#[test]
fn a_file_that_is_no_toml_names_the_line() {
    let refusal = refusal("[server]\nport = = 1\n");
    assert!(refusal.contains("nova.toml:2"), "{refusal}");
}

#[test]
fn a_place_without_connections_is_refused() {
    let refusal = refusal("[server]\nmax_connections = 0\n");
    assert!(refusal.contains("server.max_connections"), "{refusal}");
}

#[test]
fn the_longest_time_that_can_be_written_can_be_served() {
    let max = i64::MAX;
    let toml =
        format!("[server]\nheader_timeout = {max}\nshutdown_timeout = {max}\n[websocket]\nidle_timeout = {max}\n");
    assert_eq!(
        served(Project::new().file("nova.toml", &toml)).get("/").text(),
        "hello 1"
    );
}
