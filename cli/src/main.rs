//! The `nova` command.

use std::ffi::OsString;
use std::process::ExitCode;

mod args;
mod audit;
mod complete;
mod dependency;
mod describe;
mod disk;
mod doctor;
mod edit;
mod eject;
mod error;
mod generate;
mod man;
mod migrations;
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
mod upgrade;
mod work;
mod workspace;

fn main() -> ExitCode {
    let typed: Vec<OsString> = std::env::args_os().collect();
    match args::parse(&typed).and_then(run) {
        Ok(code) => code,
        Err(error) => {
            if args::asks_for_json(&typed) {
                terminal::answer(work::error_json(&error));
            } else {
                terminal::error(&error);
            }
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(cli: args::Cli) -> error::Result<ExitCode> {
    let args::Anywhere {
        directory,
        package,
        color,
    } = cli.anywhere;
    anstream::ColorChoice::from(color).write_global();
    if let Some(directory) = &directory {
        std::env::set_current_dir(directory)
            .map_err(|error| error::Error::usage(format!("can't work in {}: {error}", directory.display())))?;
    }
    if let Some(package) = &package {
        let root = project::of_package(package)?;
        std::env::set_current_dir(&root)
            .map_err(|error| error::Error::failed(format!("can't work in {}: {error}", root.display())))?;
    }
    match cli.command {
        args::Command::New(args) => {
            let root = new::run(&args)?;
            if !args.serve {
                return Ok(ExitCode::SUCCESS);
            }
            terminal::plain("");
            std::env::set_current_dir(&root)
                .map_err(|error| error::Error::failed(format!("can't work in {}: {error}", root.display())))?;
            serve::run(args::Serve::default())
        }
        args::Command::Init(args) => new::init(&args).map(|()| ExitCode::SUCCESS),
        args::Command::Doctor(args) => Ok(doctor::run(&args)),
        args::Command::Eject(args) => eject::run(&args).map(|()| ExitCode::SUCCESS),
        args::Command::Upgrade(args) => upgrade::run(&args).map(|()| ExitCode::SUCCESS),
        args::Command::Completions(args) => {
            complete::script(args.shell);
            Ok(ExitCode::SUCCESS)
        }
        args::Command::Complete(args) => {
            complete::answer(&args.words);
            Ok(ExitCode::SUCCESS)
        }
        args::Command::Man(args) => man::run(&args).map(|()| ExitCode::SUCCESS),
        args::Command::Gen(args) => generate::run(args).map(|()| ExitCode::SUCCESS),
        args::Command::Destroy(args) => generate::destroy(&args).map(|()| ExitCode::SUCCESS),
        args::Command::Serve(args) => serve::run(args),
        args::Command::Routes(args) => routes::run(&args),
        args::Command::Audit(args) => audit::run(&args),
        args::Command::Openapi(args) => openapi::run(&args),
    }
}
