//! What an edit of one controller costs to compile in applications of several sizes, beside the same controllers on bare
//! axum and, with `--against`, beside the same on another checkout of the runtime.
//!
//! The applications are written to a temporary directory with the manifest of `nova new`, and built once. Then, by turns,
//! the first controller of each is edited (another string, and other lines below it) and built, and then checked. Time on
//! cores is of cargo with all that it starts: it says more than time where others use the machine. Settings of the profile
//! are tried by cargo's own variables, such as `CARGO_PROFILE_DEV_DEBUG=0`.

use std::path::{Path, PathBuf};

use clap::Parser;
use nova_benches::applications::{Application, Edit, Framework, build_nova, workspace};
use nova_benches::children::{self, Scratch};
use nova_benches::{Result, Samples};

#[derive(Parser)]
struct Flags {
    /// How many controllers an application has
    #[arg(long, value_delimiter = ',', default_value = "8,40,200")]
    controllers: Vec<usize>,
    /// How many edits of each
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// The directory of another checkout's runtime, to be compared with
    #[arg(long)]
    against: Vec<PathBuf>,
    /// Without axum
    #[arg(long)]
    alone: bool,
}

/// An application, with what its edits have cost.
struct Subject {
    label: String,
    application: Application,
    built: Costs,
    checked: Costs,
}

#[derive(Default)]
struct Costs {
    time: Samples,
    cpu: Samples,
    /// Time on cores, as a ratio to the first subject's in the same round.
    ratio: Samples,
}

fn main() -> Result<()> {
    let flags = Flags::parse();
    children::end_with_signals()?;
    let nova = build_nova()?;
    let mut frameworks = vec![("nova".to_owned(), Framework::Nova(workspace()?.join("runtime")))];
    for runtime in &flags.against {
        let runtime = runtime.canonicalize()?;
        frameworks.push((runtime.display().to_string(), Framework::Nova(runtime)));
    }
    if !flags.alone {
        frameworks.push(("axum".to_owned(), Framework::Axum));
    }
    let scratch = Scratch::new()?;
    for &controllers in &flags.controllers {
        measure(&nova, scratch.path(), &frameworks, controllers, flags.rounds)?;
    }
    Ok(())
}

fn measure(
    nova: &Path,
    directory: &Path,
    frameworks: &[(String, Framework)],
    controllers: usize,
    rounds: usize,
) -> Result<()> {
    let mut subjects = Vec::new();
    for (number, (label, framework)) in frameworks.iter().enumerate() {
        let name = format!("app{number}_{controllers}");
        let application = Application::write(nova, framework, directory, &name, controllers)?;
        let first = application.cargo("build")?;
        application.cargo("check")?;
        println!(
            "{label}, {controllers} controllers: first build {:.1} s, {:.1} s on cores",
            first.time.as_secs_f64(),
            first.cpu.as_secs_f64()
        );
        subjects.push(Subject {
            label: label.clone(),
            application,
            built: Costs::default(),
            checked: Costs::default(),
        });
    }
    // The first edit makes what all others find made.
    for round in 1..=rounds + 1 {
        let (mut build, mut check) = (None, None);
        for subject in &mut subjects {
            subject.application.edit(round, Edit::Lines)?;
            let built = subject.application.cargo("build")?;
            let checked = subject.application.cargo("check")?;
            if round > 1 {
                subject.built.push(built, *build.get_or_insert(built));
                subject.checked.push(checked, *check.get_or_insert(checked));
            }
        }
    }
    for subject in &subjects {
        let [library, program] = subject.application.sizes()?;
        println!(
            "{}, {controllers} controllers, library {} kB, program {} kB",
            subject.label,
            library / 1000,
            program / 1000
        );
        for (what, costs) in [("build", &subject.built), ("check", &subject.checked)] {
            println!(
                "  {what}: {} s, on cores {} s, of nova's {}",
                costs.time.brief(2),
                costs.cpu.brief(2),
                costs.ratio.brief(2)
            );
        }
    }
    Ok(())
}

impl Costs {
    fn push(&mut self, cost: children::Cost, first: children::Cost) {
        self.time.push_time(cost.time);
        self.cpu.push_time(cost.cpu);
        self.ratio.push(cost.cpu.as_secs_f64() / first.cpu.as_secs_f64());
    }
}
