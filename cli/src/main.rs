//! The `nova` command.

use std::process::ExitCode;

use clap::Parser as _;

mod args;
mod edit;
mod error;
mod name;
mod plan;
mod project;
mod terminal;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    match cli.color {
        args::Color::Auto => anstream::ColorChoice::Auto,
        args::Color::Always => anstream::ColorChoice::Always,
        args::Color::Never => anstream::ColorChoice::Never,
    }
    .write_global();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(cli: args::Cli) -> error::Result<()> {
    if let Some(directory) = &cli.directory {
        std::env::set_current_dir(directory)
            .map_err(|error| error::Error::usage(format!("can't work in {}: {error}", directory.display())))?;
    }
    match cli.command {
        args::Command::New(_) | args::Command::Gen(_) | args::Command::Serve(_) | args::Command::Routes(_) => Ok(()),
    }
}
