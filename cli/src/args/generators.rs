//! What is typed behind `nova gen` and `nova destroy`, and the flags of every command that writes.

use clap::{Args, Parser, Subcommand};

use super::Anywhere;
use crate::error::Result;

/// `nova gen`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
#[command(subcommand_value_name = "KIND", subcommand_help_heading = "Kinds")]
#[command(after_help = "\
Examples:
  nova gen controller posts index show
  nova gen resource article title:string body:string --at /articles
  nova gen ws-handler chat --dry-run
  nova gen --list                            all kinds, the project's too")]
pub(crate) struct Gen {
    /// List what can be generated.
    #[arg(long)]
    pub(crate) list: bool,

    /// With --list: one JSON object on a line for each kind.
    #[arg(long, requires = "list")]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) kind: Option<Kind>,

    /// What is typed behind a kind of the project's own, once it is parsed.
    #[arg(skip)]
    pub(crate) own: Option<Result<GenOwn>>,
}

/// What can be generated.
#[derive(Debug, Subcommand)]
pub(crate) enum Kind {
    /// A controller: a function, a view and a route for each action.
    #[command(after_help = "\
Examples:
  nova gen controller posts                  one action, index, at /posts
  nova gen controller posts index show       also show, at /posts/{id}
  nova gen controller admin/users            below, at /admin/users
  nova gen controller posts --at /news       at another path

Files:
  src/controllers/posts.rs   created
  src/controllers/mod.rs     pub mod posts;
  src/routes.rs              one route for each action
  views/posts/index.hbs      created, one for each action")]
    Controller(GenController),
    /// A resource: a model, in the database or in memory, and a controller over it.
    #[command(after_help = "\
Examples:
  nova gen resource article                  a name, as JSON, at /article
  nova gen resource article title:string pages:int --at /articles
  nova gen resource article title body --views

Fields are string, int, float or bool; string when nothing is said.
A project with a database (nova new --db) keeps its resources there.

Files:
  src/models/article.rs        created, with its module
  src/controllers/article.rs   created, with its module
  src/routes.rs                the routes
  views/article/*.hbs          with --views
  migrations/*_create_article.sql   with a database")]
    Resource(GenResource),
    /// A WebSocket handler with its route: a chat room to begin with.
    #[command(after_help = "\
Example:
  nova gen ws-handler chat                   a chat, at /chat/{room}

Files:
  src/ws/chat.rs    created
  src/ws/mod.rs     pub mod chat;
  src/lib.rs        pub mod ws;
  src/routes.rs     the route")]
    WsHandler(GenNamed),
    /// A security function: who may go on.
    #[command(after_help = "\
Example:
  nova gen security bearer                   for .security(bearer::check)

Files:
  src/security/bearer.rs   created, with its module")]
    Security(GenNamed),
    /// A fallback controller: what becomes of errors.
    #[command(after_help = "\
Example:
  nova gen fallback errors

Files:
  src/fallbacks/errors.rs   created, with its module
  src/lib.rs                .fallback(…)")]
    Fallback(GenNamed),
    /// A kind of reply, and the handler that makes a response of it.
    #[command(after_help = "\
Example:
  nova gen reply-handler csv                 for replies::csv::reply(…)

Files:
  src/replies/csv.rs   created, with its module
  src/lib.rs           .reply_handler(\"csv\", …)")]
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

    /// Keep it in the database [default: where the project has one].
    #[arg(long, conflicts_with = "memory")]
    pub(crate) db: bool,

    /// Keep it in memory, until the program ends.
    #[arg(long)]
    pub(crate) memory: bool,

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
#[command(max_term_width = 80)]
pub(crate) struct GenOwn {
    #[command(flatten)]
    pub(crate) args: GenNamed,

    #[command(flatten)]
    anywhere: Anywhere,
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

    /// Write its files, and leave routes and application alone.
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
