//! The command line as it is typed: clap types, nothing else.

mod around;
mod generators;
mod line;
mod refusal;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::project::Database;

pub(crate) use around::{Complete, Completions, Doctor, Eject, Man, Shell, Upgrade};
pub(crate) use generators::{Destroy, Gen, GenController, GenNamed, GenResource, Kind, Show, Wire, Write};
pub(crate) use line::{asks_for_json, parse};

/// Real-time web services in Rust.
#[derive(Debug, Parser)]
#[command(name = "nova", version, propagate_version = true, max_term_width = 80)]
#[command(after_help = "\
Examples:
  nova new myapp                     a new application in ./myapp
  nova gen ws-handler chat           a WebSocket handler, with its route
  nova gen controller posts index    a controller with one action, routed
  nova destroy controller posts      takes back what that wrote
  nova serve                         run it, and again on every change")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) anywhere: Anywhere,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What may be typed with every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct Anywhere {
    /// Run as if started in this directory.
    #[arg(short = 'C', long, global = true, value_name = "DIR", display_order = 100)]
    pub(crate) directory: Option<PathBuf>,

    /// Work on this package of the workspace.
    #[arg(short, long, global = true, value_name = "NAME", display_order = 100)]
    pub(crate) package: Option<String>,

    /// Colour: auto, always or never.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        display_order = 101
    )]
    pub(crate) color: Color,
}

/// When to use colour.
//
// The values have no documentation of their own: clap would make a page of every `--help` for it.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl From<Color> for anstream::ColorChoice {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}

impl From<Color> for clap::ColorChoice {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a new application.
    New(New),
    /// Make this directory an application, and keep every file.
    Init(Init),
    /// Generate a piece of the application, and wire it in.
    #[command(visible_alias = "g", alias = "generate")]
    Gen(Gen),
    /// Take back what `nova gen` wrote.
    #[command(visible_alias = "d")]
    Destroy(Destroy),
    /// Build and run the application, and do it again on every change.
    #[command(visible_alias = "s")]
    Serve(Serve),
    /// List the application's routes.
    Routes(Routes),
    /// List the routes that are a risk: what changes state for anybody, and the like.
    Audit(Audit),
    /// Write the application's OpenAPI document.
    Openapi(Openapi),
    /// Say whether everything is there that the other commands need.
    Doctor(Doctor),
    /// Copy the templates of what is generated into the project, to change them.
    Eject(Eject),
    /// Bring the project to the version of this command.
    Upgrade(Upgrade),
    /// Print what a shell needs to complete commands.
    Completions(Completions),
    /// Write the manual pages.
    Man(Man),
    #[command(hide = true)]
    Complete(Complete),
}

/// `nova new`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nova new myapp
  nova new services/chat --name live-chat
  nova new myapp --auth --docker             accounts, and a Dockerfile
  nova new myapp --db sqlite --auth          with a database in a file
  nova new myapp --nats                      a chat that reaches two nodes
  nova new myapp --serve                     and run it")]
pub(crate) struct New {
    /// Where to create it; the last part is the application's name.
    // Also an empty one, which clap's own parser of paths refuses: it is answered as other bad paths are.
    #[arg(value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) path: PathBuf,

    #[command(flatten)]
    pub(crate) make: Make,

    /// Build and run it at once.
    #[arg(long, conflicts_with_all = ["dry_run", "diff", "json"])]
    pub(crate) serve: bool,
}

/// `nova init`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nova init                                  around what is there
  nova init --name live-chat --dry-run

A file that is there stays as it is; what is to be written into it by hand is shown at the end.")]
pub(crate) struct Init {
    #[command(flatten)]
    pub(crate) make: Make,
}

/// What a new application is made of.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that is typed or not")]
pub(crate) struct Make {
    /// The application's name, when it is not the directory's.
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// Answer with JSON: no views, no assets.
    #[arg(long)]
    pub(crate) api: bool,

    /// Begin with accounts: to register, to log in, to log out.
    #[arg(long)]
    pub(crate) auth: bool,

    /// Begin with a database: sqlite or postgres.
    #[arg(long, value_name = "DATABASE", hide_possible_values = true)]
    pub(crate) db: Option<Database>,

    /// Add a Dockerfile.
    #[arg(long)]
    pub(crate) docker: bool,

    /// Reach other nodes over NATS, and begin with a chat that does.
    #[arg(long)]
    pub(crate) nats: bool,

    /// Do not initialise a git repository.
    #[arg(long)]
    pub(crate) no_git: bool,

    /// Depend on the runtime crate in this directory.
    #[arg(long, value_name = "DIR", env = "NOVA_PATH")]
    pub(crate) nova_path: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) show: Show,
}

/// `nova serve`
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Examples:
  nova serve
  nova serve --port 3000
  nova serve --poll 0.5                      where changes are not told of
  nova serve --release -- --verbose          flags for the application

Keys, in a terminal: r builds again, o opens the browser, c clears, q quits, ? lists them.

With --json each line on standard output is an object with a member `event`: started, changed, building, \
built, cancelled, served, unchanged, views, failed, died, stopping, ended. docs/protocol.md has their members.")]
pub(crate) struct Serve {
    /// The port to listen on; 0 takes any free one [default: server.port in nova.toml, or 8080].
    #[arg(long)]
    pub(crate) port: Option<u16>,

    /// The address to listen on [default: server.host in nova.toml, or 127.0.0.1].
    #[arg(long)]
    pub(crate) host: Option<String>,

    /// Build with the release profile.
    #[arg(long)]
    pub(crate) release: bool,

    /// Tell what happens as JSON on standard output, an object on a line.
    #[arg(long)]
    pub(crate) json: bool,

    /// Look for changes this often, besides waiting to be told of them [default: only on network mounts; 1].
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "1", value_parser = seconds)]
    pub(crate) poll: Option<Duration>,

    /// Arguments for the application.
    #[arg(last = true)]
    pub(crate) args: Vec<String>,
}

/// A time such as `0.5`, from a tenth of a second to an hour.
fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|seconds| (0.1..=3600.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "expected seconds, 0.1 to 3600".to_owned())
}

/// `nova routes`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nova routes
  nova routes --grep users --method post     those that create users
  nova routes --method ws                    the WebSockets
  nova routes --verbose                      with limits, csrf and fallback
  NOVA_ENV=prod nova routes                  those of another environment

docs/protocol.md has the members of what --json prints.")]
pub(crate) struct Routes {
    /// Say all that is known of each route: also its middleware in order, body limit, csrf and fallback.
    #[arg(short, long)]
    pub(crate) verbose: bool,

    /// Only routes that have this text in any column, in capitals or not.
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) grep: Option<String>,

    /// Only routes of this method; several may be given, also `GET,POST`.
    #[arg(short, long, value_delimiter = ',', ignore_case = true, hide_possible_values = true,
        value_parser = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE", "WS"])]
    pub(crate) method: Vec<String>,

    /// One JSON object on a line for each route, with all that is known of it.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `nova audit`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nova audit
  NOVA_ENV=prod nova audit                   those of prod, as in CI
  nova audit --json                          a finding on each line

It finds, by the route table alone:
  own-files      assets that are the project itself
  unsecured      POST, PUT, PATCH or DELETE without a security function
  forgeable      the same with csrf(false): pages of other sites can send it
  any-method     one handler for every method
  proxy-method   CONNECT or TRACE
  contradiction  .public(…) and .security(…) on one group

A group that anybody may use says so, and why:
  Group::new(\"/login\").public(\"they have no session yet\")

The exit code is 1 where something is found, and 0 where nothing is.")]
pub(crate) struct Audit {
    /// One JSON object on a line for each finding.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `nova openapi`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nova openapi                               on standard output
  nova openapi --output openapi.json         for a generator of clients
  nova openapi > openapi.json && git diff --exit-code openapi.json

The application needs the feature `openapi`. docs/openapi.md says how its
controllers tell their types; in dev, /__nova/openapi shows the document.")]
pub(crate) struct Openapi {
    /// The file to write, in place of standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
