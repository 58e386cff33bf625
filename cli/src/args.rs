//! The command line as it is typed: clap types, nothing else.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Real-time web services in Rust.
#[derive(Debug, Parser)]
#[command(name = "nova", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "\
Examples:
  nova new myapp                     a new application in ./myapp
  nova gen ws-handler chat           a WebSocket handler, with its route
  nova gen controller posts index    a controller with one action, with its route
  nova destroy controller posts      takes back what that wrote
  nova serve                         run it, and run it again on every change")]
pub(crate) struct Cli {
    /// Run as if started in this directory.
    #[arg(short = 'C', long, global = true, value_name = "DIR", display_order = 100)]
    pub(crate) directory: Option<PathBuf>,

    /// Work on this package of the workspace.
    #[arg(short, long, global = true, value_name = "NAME", display_order = 100)]
    pub(crate) package: Option<String>,

    /// When to colour what is printed; `auto` asks the terminal and `NO_COLOR`.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        display_order = 101
    )]
    pub(crate) color: Color,

    #[command(subcommand)]
    pub(crate) command: Command,
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

impl Color {
    /// What the command line says, found before it is parsed: help, and what is said of bad usage, have colour too.
    pub(crate) fn asked_for(args: impl IntoIterator<Item = OsString>) -> Self {
        let args: Vec<_> = args.into_iter().take_while(|arg| arg != "--").collect();
        let apart = args
            .windows(2)
            .filter(|pair| pair[0] == "--color")
            .map(|pair| pair[1].to_str());
        let joined = args.iter().map(|arg| arg.to_str()?.strip_prefix("--color="));
        apart
            .chain(joined)
            .flatten()
            .find_map(|value| Self::from_str(value, false).ok())
            .unwrap_or(Self::Auto)
    }
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
}

impl Command {
    /// Whether an error is to be told as JSON: the command writes files, and was asked to.
    pub(crate) fn tells_errors_as_json(&self) -> bool {
        let write = match self {
            Self::New(args) => return args.show.json,
            Self::Destroy(args) => args.write,
            Self::Gen(args) => match &args.kind {
                Some(Kind::Controller(args)) => args.write,
                Some(Kind::Resource(args)) => args.write,
                Some(
                    Kind::WsHandler(args)
                    | Kind::Security(args)
                    | Kind::Fallback(args)
                    | Kind::ReplyHandler(args)
                    | Kind::Test(args),
                ) => args.write,
                Some(Kind::Own(typed)) => return typed.iter().any(|typed| typed == "--json"),
                None => return false,
            },
            Self::Serve(_) | Self::Routes(_) => return false,
        };
        write.show.json
    }
}

/// `nova new`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nova new myapp
  nova new services/chat --name live-chat
  nova new myapp --nats                      a chat on two nodes, as its README says")]
pub(crate) struct New {
    /// Where to create it; the last part is the application's name.
    // Also an empty one, which clap's own parser of paths refuses: it is answered as other bad paths are.
    #[arg(value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) path: PathBuf,

    /// The application's name, when it is not the directory's.
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// Depend on the runtime crate in this directory.
    #[arg(long, value_name = "DIR", env = "NOVA_PATH")]
    pub(crate) nova_path: Option<PathBuf>,

    /// Reach other nodes over NATS, and begin with a chat that does.
    #[arg(long)]
    pub(crate) nats: bool,

    /// Do not initialise a git repository.
    #[arg(long)]
    pub(crate) no_git: bool,

    #[command(flatten)]
    pub(crate) show: Show,
}

/// `nova gen`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  nova gen controller posts index show
  nova gen resource article title:string body:string --at /articles
  nova gen ws-handler chat --dry-run
  nova gen --list                            all kinds, also those in .nova/templates")]
pub(crate) struct Gen {
    /// List what can be generated.
    #[arg(long)]
    pub(crate) list: bool,

    /// With --list: one JSON object on a line for each kind.
    #[arg(long, requires = "list")]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) kind: Option<Kind>,
}

/// What can be generated.
#[derive(Debug, Subcommand)]
pub(crate) enum Kind {
    /// A controller: one function for each action, a view for each, and the routes.
    #[command(after_help = "\
Examples:
  nova gen controller posts                  one action, index, at /posts
  nova gen controller posts index show       also show, at /posts/{id}
  nova gen controller admin/users            in the module admin, at /admin/users
  nova gen controller posts --at /news       at another path

Files:
  src/controllers/posts.rs   created
  src/controllers/mod.rs     pub mod posts;
  src/routes.rs              one route for each action
  views/posts/index.hbs      created, one for each action")]
    Controller(GenController),
    /// A resource: a model kept in memory, and a controller that lists, shows, creates, updates and deletes.
    #[command(after_help = "\
Examples:
  nova gen resource article                  a name, as JSON, at /article
  nova gen resource article title:string pages:int --at /articles
  nova gen resource article title body --views

Fields are string, int, float or bool; string when nothing is said.

Files:
  src/models/article.rs        created, with its module
  src/controllers/article.rs   created, with its module
  src/routes.rs                the routes
  views/article/*.hbs          with --views")]
    Resource(GenResource),
    /// A WebSocket handler with its route: a chat room, to be changed into what you need.
    #[command(after_help = "\
Example:
  nova gen ws-handler chat                   at /chat/{room}; open /chat/lobby in two tabs

Files:
  src/ws/chat.rs    created
  src/ws/mod.rs     pub mod chat;
  src/lib.rs        pub mod ws;
  src/routes.rs     the route")]
    WsHandler(GenNamed),
    /// A security function: who may go on, decided before the controller.
    #[command(after_help = "\
Example:
  nova gen security bearer                   then .security(bearer::check) on a group

Files:
  src/security/bearer.rs   created, with its module")]
    Security(GenNamed),
    /// A fallback controller: what becomes of errors, and of replies that nothing can dispatch.
    #[command(after_help = "\
Example:
  nova gen fallback errors

Files:
  src/fallbacks/errors.rs   created, with its module
  src/main.rs               .fallback(…)")]
    Fallback(GenNamed),
    /// A kind of reply: what a controller returns, and the handler that makes a response of it.
    #[command(after_help = "\
Example:
  nova gen reply-handler csv                 controllers return replies::csv::reply(…)

Files:
  src/replies/csv.rs   created, with its module
  src/main.rs          .reply_handler(\"csv\", …)")]
    ReplyHandler(GenNamed),
    /// A test of the whole application, without a port.
    #[command(after_help = "\
Example:
  nova gen test signup                       then cargo test --test signup

Files:
  tests/signup.rs   created")]
    Test(GenNamed),
    /// A kind of the project's own.
    #[command(external_subcommand)]
    Own(Vec<String>),
}

/// `nova gen controller`
#[derive(Debug, Args)]
pub(crate) struct GenController {
    /// The controller's name; below others with a `/`.
    pub(crate) name: String,

    /// Its actions [default: index].
    #[arg(value_name = "ACTION")]
    pub(crate) positional: Vec<String>,

    /// Its actions, with a comma between each two.
    #[arg(long, value_name = "ACTION", value_delimiter = ',')]
    pub(crate) actions: Vec<String>,

    #[command(flatten)]
    pub(crate) wire: Wire,

    #[command(flatten)]
    pub(crate) write: Write,
}

/// `nova gen resource`
#[derive(Debug, Args)]
pub(crate) struct GenResource {
    /// The resource's name; below others with a `/`.
    pub(crate) name: String,

    /// Its fields [default: name:string].
    #[arg(value_name = "FIELD[:TYPE]")]
    pub(crate) fields: Vec<String>,

    /// Answer with pages and forms instead of JSON.
    #[arg(long)]
    pub(crate) views: bool,

    #[command(flatten)]
    pub(crate) wire: Wire,

    #[command(flatten)]
    pub(crate) write: Write,
}

/// `nova gen` of what has nothing but a name.
#[derive(Debug, Args)]
pub(crate) struct GenNamed {
    /// Its name; below others with a `/`.
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) wire: Wire,

    #[command(flatten)]
    pub(crate) write: Write,
}

/// `nova gen` of a kind that only the project knows.
#[derive(Debug, Parser)]
pub(crate) struct GenOwn {
    #[command(flatten)]
    pub(crate) args: GenNamed,
}

/// `nova destroy`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nova destroy controller posts              with its views and routes
  nova destroy ws-handler chat --dry-run

What you have changed since it was generated stays, and so does all the rest, unless you say --force.")]
pub(crate) struct Destroy {
    /// What was generated: controller, resource, ws-handler, …
    pub(crate) kind: String,

    /// Its name.
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) write: Write,
}

/// How something is wired in.
#[derive(Clone, Debug, Args)]
pub(crate) struct Wire {
    /// Where it is [default: its name].
    #[arg(long, value_name = "PATH")]
    pub(crate) at: Option<String>,

    /// Write its files, and leave routes.rs and main.rs alone.
    #[arg(long)]
    pub(crate) no_route: bool,
}

/// What a command that writes shows.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Show {
    /// Show what would be written, and write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Show it as a difference that `git apply` takes, and write nothing.
    #[arg(long)]
    pub(crate) diff: bool,

    /// Tell what was done as one JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Show {
    /// Whether files are written.
    pub(crate) fn writes(self) -> bool {
        !self.dry_run && !self.diff
    }
}

/// How a command writes where something is there already.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Write {
    #[command(flatten)]
    pub(crate) show: Show,

    /// Replace, or delete, files that you have changed.
    #[arg(long, conflicts_with = "skip")]
    pub(crate) force: bool,

    /// Leave what is in the way as it is, and do the rest.
    #[arg(long)]
    pub(crate) skip: bool,
}

/// `nova serve`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nova serve
  nova serve --port 3000
  nova serve --poll 0.5                      in a directory that tells of no changes
  nova serve --release -- --verbose          what follows -- goes to the application

Keys, in a terminal: r builds again, o opens the browser, c clears, q quits, ? lists them.

With --json each line on standard output is an object with a member `event`: started, changed, building,
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
pub(crate) struct Routes {
    /// One JSON object on a line for each route.
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn colour_is_found_wherever_it_is_asked_for() {
        for (line, always) in [
            ("nova --color always new", true),
            ("nova new --color=always", true),
            ("nova new", false),
            ("nova new --color", false),
            ("nova serve -- --color always", false),
        ] {
            let color = Color::asked_for(line.split(' ').map(OsString::from));
            assert_eq!(matches!(color, Color::Always), always, "{line}");
        }
    }
}
