//! The `nova` command.

use std::process::ExitCode;

use clap::Parser as _;

mod args;
mod edit;
mod error;
mod generate;
mod name;
mod new;
mod plan;
mod project;
mod routes;
mod serve;
mod settings;
mod template;
mod terminal;
mod workspace;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    match cli.color {
        args::Color::Auto => anstream::ColorChoice::Auto,
        args::Color::Always => anstream::ColorChoice::Always,
        args::Color::Never => anstream::ColorChoice::Never,
    }
    .write_global();
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
    }
}
