//! `nova.toml` and the port: what the user is told of a mistake, and that its repair is served.

use crate::kit::command::nova;
use crate::kit::{Project, Run, Serve};

#[test]
fn a_busy_port_names_who_holds_it() {
    let project = Project::new("busy");
    let serve = project.serve();
    let port = serve.address().port();
    // The most common holder: the same command, in another terminal.
    let run = project
        .nova(&format!("serve --port {port}"))
        .failed(1, &format!("error: port {port} is in use\n"));
    let nova = "nova (process ";
    assert!(run.stderr.contains(nova), "{nova:?} is not in:\n{}", run.stderr);
    assert!(run.stderr.contains("help:  nova serve --port "), "{}", run.stderr);
    assert_eq!(serve.get("/").status, 200);
}

#[test]
fn a_mistake_in_where_to_listen_is_told_before_anything_is_built() {
    let project = Project::new("address");
    for (text, message) in [
        (
            "[server]\nport = \"eighty\"\n",
            "error: nova.toml:2:8: server.port is \"eighty\"",
        ),
        ("[server]\n\nhost = 1\n", "error: nova.toml:3:8: server.host is 1"),
        ("[server]\nport = 70000\n", "error: nova.toml:2:8: server.port is 70000"),
        ("[log]\nlevel = \"info\"\n[server\n", "error: nova.toml:3:8: "),
    ] {
        project.write("nova.toml", text);
        let run = project.nova("serve").failed(1, message);
        assert!(!run.stderr.contains("Building"), "{}", run.stderr);
    }
}

#[test]
fn a_mistake_in_the_configuration_is_told_with_its_place_and_its_repair_is_served() {
    let project = Project::new("configured");
    let good = project.read("nova.toml");
    project.write("nova.toml", "[server]\nprot = 1\n");
    let mut command = nova(project.root());
    command.args(["serve", "--port", "0"]);
    let mut serve = Serve::start(command);
    serve.says("nova.toml:2: server.prot: unknown field `prot`, expected one of `host`, `port`");
    serve.says("before it was ready; waiting for a change");

    for (text, message) in [
        ("[sever]\n", "nova.toml:1: sever: unknown section"),
        ("\n[log]\nlevel = 3\n", "nova.toml:3: log.level: invalid type"),
        (
            "[log]\nlevel = \"loud\"\n",
            "nova.toml:2: log.level: `loud` is no level",
        ),
        ("[log]\nlevel = \"info\"\n[server\nport = 1\n", "nova.toml:3"),
    ] {
        project.write("nova.toml", text);
        serve.says("Changed nova.toml");
        serve.says(message);
        serve.says("before it was ready; waiting for a change");
    }

    project.write("nova.toml", &good);
    serve.is_serving();
    assert_eq!(serve.get("/").status, 200);

    // And while it serves, a mistake costs nothing.
    project.write("nova.toml", "[server]\nbody_limit = true\n");
    serve.says("nova.toml:2: server.body_limit");
    serve.says("before it was ready; still serving the previous build");
    assert_eq!(serve.get("/").status, 200);
    project.write("nova.toml", &good);
    serve.has_reloaded();
    assert_eq!(serve.get("/").status, 200);
}

#[test]
fn the_port_is_the_command_lines_then_the_environments_then_the_files() {
    let project = Project::new("port");
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = holder.local_addr().unwrap().port();
    let in_use = format!("error: port {busy} is in use\n");
    project.write("nova.toml", &format!("[server]\nport = {busy}\n"));
    project.nova("serve").failed(1, &in_use);
    project.write("nova.toml", "[server]\nport = 0\n");
    let mut command = nova(project.root());
    Run::of(command.arg("serve").env("NOVA_SERVER_PORT", busy.to_string())).failed(1, &in_use);
    let mut command = nova(project.root());
    command.args(["serve", "--port", &busy.to_string()]);
    Run::of(command.env("NOVA_SERVER_PORT", "0")).failed(1, &in_use);
}
