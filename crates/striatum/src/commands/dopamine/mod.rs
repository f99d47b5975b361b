//! `striatum dopamine`: experiments beside what was published, and the probe.

mod files;
mod probe;
mod report;

use super::terminal::{Progress, heading};
use super::{note, say};
use crate::cli::{DopamineArgs, DopamineCommand};
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::fmt;
use std::thread::available_parallelism;
use std::time::Instant;
use striatum_dopamine::{EXPERIMENTS, Experiment, Options, Outcome};
use striatum_train::TrainError;

/// Stands for every experiment.
const ALL: &str = "all";

pub fn run(args: &DopamineArgs) -> Result<()> {
    match &args.command {
        Some(DopamineCommand::Probe(args)) => probe::run(args),
        None if args.experiments.is_empty() => list(args.json),
        None => experiments(args, &chosen(&entries(), &args.experiments)?),
    }
}

/// An experiment, of exact models or of trained agents.
struct Entry {
    name: &'static str,
    about: &'static str,
    run: Box<Run>,
}

type Run = dyn Fn(&Options) -> Result<Outcome, TrainError>;

/// All experiments.
fn entries() -> Vec<Entry> {
    let exact = |&Experiment { name, about, run }: &Experiment| Entry {
        name,
        about,
        run: Box::new(move |options| Ok(run(options))),
    };
    EXPERIMENTS.iter().map(exact).collect()
}

fn list(json: bool) -> Result<()> {
    if json {
        let object = |entry: &Entry| json!({ "name": entry.name, "about": entry.about });
        return say(Value::from(entries().iter().map(object).collect::<Vec<_>>()));
    }
    say(heading(&format!("{:16}{}", "EXPERIMENT", "WHAT IT SHOWS")))?;
    entries().iter().try_for_each(|entry| say(format_args!("{:16}{}", entry.name, entry.about)))
}

/// Those that were named, each once, in the order of the list.
fn chosen<'a>(all: &'a [Entry], names: &[String]) -> Result<Vec<&'a Entry>> {
    let known = |name: &str| name == ALL || all.iter().any(|entry| entry.name == name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        let names: Vec<_> = all.iter().map(|entry| entry.name).chain([ALL]).collect();
        bail!("there is no experiment `{unknown}`; there are: {}", names.join(", "));
    }
    let wanted = |entry: &&Entry| names.iter().any(|name| name == ALL || name == entry.name);
    Ok(all.iter().filter(wanted).collect())
}

fn experiments(args: &DopamineArgs, chosen: &[&Entry]) -> Result<()> {
    let threads = match args.threads {
        0 => available_parallelism().map_or(1, usize::from),
        threads => threads as usize,
    };
    let options = Options { seeds: args.seeds.map(|seeds| seeds as usize), seed: args.seed, threads };
    files::make_folder(&args.out)?;
    let progress = Progress::new();
    let (mut objects, mut missed) = (Vec::new(), Missed::default());
    for entry in chosen {
        progress.stage(&format!("running {}", entry.name));
        let begun = Instant::now();
        let outcome = (entry.run)(&options)?;
        let seconds = begun.elapsed().as_secs_f64();
        let written = files::write(&args.out, entry.name, &outcome.figure, &outcome.tables)?;
        progress.clear();
        missed.add(entry.name, &outcome);
        if args.json {
            objects.push(report::object((entry.name, entry.about), &outcome, seconds, &written));
            continue;
        }
        say(report::table((entry.name, entry.about), &outcome))?;
        outcome.notes.iter().for_each(note);
        let names: Vec<_> = written.iter().map(|path| path.display().to_string()).collect();
        note(format_args!("{seconds:.1} s, wrote {}\n", names.join(", ")));
    }
    if args.json {
        let passed = missed.what.is_empty();
        say(json!({
            "version": env!("CARGO_PKG_VERSION"),
            "seeds": args.seeds,
            "seed": args.seed,
            "passed": passed,
            "experiments": objects,
        }))?;
    }
    if missed.what.is_empty() { Ok(()) } else { Err(missed.into()) }
}

/// Numbers that are not what was published.
#[derive(Debug, Default)]
pub struct Missed {
    /// The experiment and what was measured, of each.
    what: Vec<String>,
    /// How many were compared.
    compared: usize,
}

impl Missed {
    fn add(&mut self, experiment: &str, outcome: &Outcome) {
        self.compared += outcome.checks.iter().filter(|check| report::is_published(check)).count();
        let missed = outcome.checks.iter().filter(|check| !check.passed());
        self.what.extend(missed.map(|check| format!("`{experiment}`: {}", check.what)));
    }
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, compared } = self;
        write!(f, "{} of {compared} published values missed: {}", what.len(), what.join("; "))
    }
}

impl std::error::Error for Missed {}

#[cfg(test)]
mod tests {
    use super::*;
    use striatum_dopamine::{Check, Expected};

    fn experiment(name: &'static str) -> Entry {
        Entry { name, about: "It is a test.", run: Box::new(|_| Ok(outcome(Vec::new()))) }
    }

    fn outcome(checks: Vec<Check>) -> Outcome {
        Outcome { checks, tables: Vec::new(), figure: Default::default(), notes: Vec::new() }
    }

    fn names(all: &[Entry], wanted: &[&str]) -> Vec<&'static str> {
        let wanted: Vec<_> = wanted.iter().map(|&name| name.to_owned()).collect();
        chosen(all, &wanted).expect("they are known").iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn experiments_are_chosen_by_name() {
        let all = ["one", "two", "three"].map(experiment);
        assert_eq!(names(&all, &["three", "one", "three"]), ["one", "three"]);
        assert_eq!(names(&all, &["two", "all"]), ["one", "two", "three"]);
        let error = chosen(&all, &["tow".to_owned()]).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("there is no experiment `tow`; there are: one, two, three, all"));
    }

    #[test]
    fn a_missed_value_is_named_and_ends_with_1() {
        let near = Expected::Near { value: 1.0, tolerance: 0.1 };
        let mut missed = Missed::default();
        missed.add("one", &outcome(vec![Check::new("the burst", near, 0.5), Check::new("the dip", near, 1.05)]));
        missed.add("two", &outcome(vec![Check::new("a number", Expected::Reported, 9.0)]));
        missed.add("two", &outcome(vec![Check::new("a share", Expected::AtLeast(0.5), f64::NAN)]));
        assert_eq!(missed.to_string(), "2 of 3 published values missed: `one`: the burst; `two`: a share");
        assert_eq!(crate::exit_code(&missed.into()), 1);
    }
}
