//! The `nova` command.

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

mod args;
mod audit;
mod describe;
mod edit;
mod error;
mod generate;
mod name;
mod new;
mod openapi;
mod plan;
mod project;
mod routes;
mod serve;
mod settings;
mod template;
mod terminal;
mod workspace;

fn main() -> ExitCode {
    let color = args::Color::asked_for(std::env::args_os());
    let matches = args::Cli::command().color(color.into()).get_matches();
    let cli = args::Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    anstream::ColorChoice::from(cli.color).write_global();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            terminal::error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(cli: args::Cli) -> error::Result<ExitCode> {
    if let Some(directory) = &cli.directory {
        std::env::set_current_dir(directory)
            .map_err(|error| error::Error::usage(format!("can't work in {}: {error}", directory.display())))?;
    }
    match cli.command {
        args::Command::New(args) => new::run(&args).map(|()| ExitCode::SUCCESS),
        args::Command::Gen(args) => generate::run(&args).map(|()| ExitCode::SUCCESS),
        args::Command::Serve(args) => serve::run(args),
        args::Command::Routes(args) => routes::run(&args),
        args::Command::Audit(args) => audit::run(&args),
        args::Command::Openapi(args) => openapi::run(&args),
    }
}
