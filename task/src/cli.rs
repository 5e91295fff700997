//! The *command line*: what `ai-agent` can be asked to do, and how each answer reaches the one who asked.

mod help;
mod told;

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use shared::env::Environment;
use shared::env::catalog::{self, AGENT_MODEL_CALLS_AT_ONCE, Group, TASK_JSON};
use shared::message::Message;
use shared::otlp::{self, Lifetime, catalog::Program};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use crate::broker::Line;
use crate::budget::{Bank, Budgets, Door};
use crate::config::{self, Config};
use crate::delivery::{self, failed_start, settings::Settings as DeliverySettings};
use crate::doctor::{self, DoctorArgs};
use crate::eval::{self, EvalArgs};
use crate::explain::{self, ExplainArgs};
use crate::learn::{self, LearnArgs};
use crate::lease::{Lease, Lost, Revoker};
use crate::outcome::{Exit, Failure, Reason};
use crate::parser;
use crate::probe;
use crate::progress::Step;
use crate::report::{Known, millis};
use crate::results::{self, ReportArgs};
use crate::run::settings::RunSettings;
use crate::run::{self, Attempt, Ended};
use crate::solve::{self, SolveArgs};
use crate::sweep::settings::SweepSettings;
use crate::sweep::{self, Finding, SweepArgs, Swept};
use crate::terminal::{self, Colour, Progress};
use told::{as_json, give, tell, tell_end, tell_failed, tell_swept, written};

/// The version, and the commit that the program was built from.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("SOURCE_REVISION"), ")");

/// An autonomous coding agent: one issue in, one checked change out.
///
/// Without a command it is `consume`, as in a container; to a person at a terminal it shows this help.
#[derive(Debug, Parser)]
#[command(name = "ai-agent", version = VERSION)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Solve(SolveArgs),
    Explain(ExplainArgs),
    Eval(EvalArgs),
    Report(ReportArgs),
    Learn(LearnArgs),
    Run(RunArgs),
    Sweep(SweepArgs),
    Doctor(DoctorArgs),
    Consume(ConsumeArgs),
    /// Readiness probe: exits 0 while a task is being processed, 1 otherwise
    Probe,
    Completions(help::CompletionsArgs),
    Man(help::ManArgs),
    /// Parse for another process of this program, over standard input
    #[command(name = parser::WORKER, hide = true)]
    ParseWorker,
}

/// Run one task from a JSON file instead of the queue.
#[derive(Args, Debug)]
struct RunArgs {
    /// A file with the task as JSON, or `-` for standard input [default: the variable `TASK_JSON`]
    #[arg(value_name = "FILE|-")]
    task: Option<PathBuf>,
    /// `anthropic`, `openai`, `ollama` or `builtin`; a model may follow [default: `AGENT_MODEL`, which is required]
    #[arg(long, value_name = "PROVIDER[:MODEL]")]
    model: Option<String>,
}

/// Process one task from the queue and exit.
#[derive(Args, Debug, Default)]
struct ConsumeArgs {
    /// `anthropic`, `openai`, `ollama` or `builtin`; a model may follow [default: `AGENT_MODEL`, which is required]
    #[arg(long, value_name = "PROVIDER[:MODEL]")]
    model: Option<String>,
}

/// What each command reads.
const SOLVE: &[&[&Group]] = &[config::READS];
const RUN: &[&[&Group]] = &[config::READS, run::settings::READS, &[&catalog::TELEMETRY, &catalog::LOGS]];
const CONSUME: &[&[&Group]] =
    &[config::READS, run::settings::READS, delivery::settings::READS, &[&catalog::TELEMETRY, &catalog::LOGS]];
const SWEEP: &[&[&Group]] =
    &[run::settings::LOOKS, sweep::settings::READS, &[&catalog::TELEMETRY, &catalog::LOGS]];
const REPORT: &[&[&Group]] = &[run::settings::LOOKS, results::READS, &[&catalog::LOGS]];
const LEARN: &[&[&Group]] =
    &[config::READS, run::settings::READS, learn::READS, &[&catalog::TELEMETRY, &catalog::LOGS]];
const DOCTOR: &[&[&Group]] = doctor::READS;
const PROBE: &[&[&Group]] = &[&[&catalog::PROBE]];

impl Cli {
    /// Takes the arguments of the process.
    pub fn of_process() -> Self {
        Self::from_arg_matches(&Self::documented().get_matches()).unwrap_or_else(|error| error.exit())
    }

    /// The commands, each with examples and the variables that it reads in its help.
    fn documented() -> clap::Command {
        let reads = [
            ("solve", SOLVE),
            ("explain", SOLVE),
            ("eval", SOLVE),
            ("report", REPORT),
            ("learn", LEARN),
            ("run", RUN),
            ("consume", CONSUME),
            ("sweep", SWEEP),
            ("doctor", DOCTOR),
            ("probe", PROBE),
        ];
        reads.into_iter().fold(Self::command(), |command, (name, reads)| {
            command.mut_subcommand(name, |command| command.after_long_help(help::after(name, reads)))
        })
    }
}

/// Time for threads that still compute when everything is settled.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);

/// Runs the command; the exit status is 0 done, 1 could not solve, 2 usage or configuration, 70 message lost,
/// 75 transient error, 143 asked to end.
pub fn run(cli: Cli, env: &Environment) -> Exit {
    let command = match cli.command {
        Some(command) => command,
        None if std::io::stdin().is_terminal() || std::io::stderr().is_terminal() => return show_help(),
        None => Command::Consume(ConsumeArgs::default()),
    };
    match &command {
        Command::Solve(_) | Command::Explain(_) | Command::Eval(_) => {
            for (old, new) in env.old_names(&SOLVE.concat()) {
                terminal::eprint_line(&format!("{old} is now called {new}: rename it"));
            }
        }
        _ => {}
    }
    match command {
        Command::Solve(args) => solve(&args, env),
        Command::Explain(args) => explain(&args, env),
        Command::Eval(args) => eval(&args, env).unwrap_or_else(|failure| tell_failed(&failure)),
        Command::Report(args) => report(&args, env).unwrap_or_else(|failure| tell_failed(&failure)),
        Command::Learn(args) => learn(&args, env).unwrap_or_else(|failure| tell_failed(&failure)),
        Command::Run(args) => match run_task(&args, env) {
            Ok(ended) => tell_end(&ended),
            Err(failure) => tell_failed(&failure),
        },
        Command::Doctor(args) => doctor(&args, env).unwrap_or_else(|failure| tell_failed(&failure)),
        Command::Sweep(args) => match sweep(args, env) {
            Ok(swept) => tell_swept(&swept),
            Err(failure) => tell_failed(&failure),
        },
        Command::Consume(args) => consume(&args, env),
        Command::Probe => match probe::path(env) {
            Ok(path) if probe::is_ready(&path) => Exit::Done,
            Ok(_) => Exit::CouldNotSolve,
            Err(error) => {
                tell(&wrong_setting(&error));
                Exit::Usage
            }
        },
        Command::Completions(args) => written(terminal::print(&args.script(&Cli::command()))),
        Command::Man(args) => match args.page(Cli::documented()) {
            Ok(page) => written(terminal::print(&page)),
            Err(failure) => tell_failed(&failure),
        },
        Command::ParseWorker if parser::worker::serve().is_ok() => Exit::Done,
        Command::ParseWorker => Exit::CouldNotSolve,
    }
}

fn show_help() -> Exit {
    terminal::eprint_line(Cli::command().render_help().to_string().trim_end());
    Exit::Usage
}

fn consume(args: &ConsumeArgs, env: &Environment) -> Exit {
    let started = Instant::now();
    let failure = match consume_with_settings(args, env, started) {
        Ok(exit) => return exit,
        Err(failure) => failure,
    };
    if let Ok(runtime) = runtime() {
        let wait = delivery::settings::failed_start_wait(env);
        runtime.block_on(failed_start::wait_out(started, wait, terminated()));
    }
    failure.reason.exit()
}

/// A failure before the queue is looked at is reported in the log.
fn consume_with_settings(args: &ConsumeArgs, env: &Environment, started: Instant) -> Result<Exit, Failure> {
    let begun = start_logging(env, CONSUME);
    let (settings, config, delivery) =
        begun.and_then(|()| consume_settings(args, env)).inspect_err(|failure| {
            let error = failure.what.replace('\n', "; ");
            tracing::error!(error, fix = failure.next.as_str(), "no task can be taken");
        })?;
    let runtime = runtime().inspect_err(tell)?;
    let exit = runtime.block_on(delivery::consume(&config, &settings, &delivery, started));
    leave(runtime);
    Ok(exit)
}

fn consume_settings(
    args: &ConsumeArgs,
    env: &Environment,
) -> Result<(RunSettings, Config, DeliverySettings), Failure> {
    let (settings, config) = settings(args.model.as_deref(), env)?;
    let delivery = DeliverySettings::from_env(env).map_err(|error| wrong_setting(&error))?;
    start_telemetry(env, &settings)?;
    Ok((settings, config, delivery))
}

fn start_telemetry(env: &Environment, settings: &RunSettings) -> Result<(), Failure> {
    otlp::start(Program::Task, Lifetime::Short, env, &settings.network).map_err(|error| wrong_setting(&error))
}

/// Sends what there is to tell, when everything is settled, and ends the threads.
fn leave(runtime: Runtime) {
    let began = Instant::now();
    runtime.block_on(otlp::flush());
    runtime.shutdown_timeout(LEAVE_WITHIN.saturating_sub(began.elapsed()));
}

/// Reads what every run on GitHub needs.
fn settings(model: Option<&str>, env: &Environment) -> Result<(RunSettings, Config), Failure> {
    let settings = RunSettings::from_env(env).map_err(|error| wrong_setting(&error))?;
    let config = Config::from_env(model, env).map_err(|error| wrong_setting(&error))?;
    Ok((settings, config))
}

/// Starts logging, and refuses variables that would have no effect.
fn start_logging(env: &Environment, reads: &[&[&Group]]) -> Result<(), Failure> {
    shared::telemetry::init(env).map_err(|error| wrong_setting(&error))?;
    env.check(&reads.concat()).map_err(|error| wrong_setting(&error))?;
    for (old, new) in env.old_names(&reads.concat()) {
        tracing::warn!("{old} is now called {new}: rename it");
    }
    Ok(())
}

fn wrong_setting(error: &dyn std::error::Error) -> Failure {
    usage(error.to_string(), "Correct the setting and run the command again.")
}

fn usage(what: String, next: &str) -> Failure {
    Failure::new(Reason::Usage, what, next)
}

/// Says that a ceiling for all runs together is none here, if one is set.
fn tell_uncounted(env: &Environment) {
    if Budgets::from_env(env).is_ok_and(|budgets| budgets.is_set()) {
        terminal::eprint_line(
            "note: the budgets of a day and a month are counted by `ai-agent consume`, and by `ai-agent learn` with AGENT_AMQP_URL; \
             this run is not counted, and is limited by AGENT_MAX_COST",
        );
    }
}

/// With more than one thread: the heartbeats of a connection live through whatever a run computes.
fn runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Reason::Unavailable, format!("the runtime cannot start: {error}"), ""))
}

fn run_task(args: &RunArgs, env: &Environment) -> Result<Ended, Failure> {
    start_logging(env, RUN)?;
    let (settings, config) = settings(args.model.as_deref(), env)?;
    start_telemetry(env, &settings)?;
    let message = read_task(args.task.as_deref(), env)
        .map_err(|error| usage(error.to_string(), "Give the task as a file, as `-`, or in TASK_JSON."))?;
    let message = Message::parse(&message, &settings.hosts)
        .map_err(|error| usage(error.to_string(), "See the message in the README."))?;
    tell_uncounted(env);
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let (revoker, lease) = Lease::new();
        let ended = crate::run::run(&config, &settings, &message, &lease, Attempt::ByHand);
        until_stopped(settings.deadline, &revoker, ended).await.0
    });
    leave(runtime);
    Ok(ended)
}

fn sweep(args: SweepArgs, env: &Environment) -> Result<Swept, Failure> {
    start_logging(env, SWEEP)?;
    let run = RunSettings::of_looks(env).map_err(|error| wrong_setting(&error))?;
    let settings = SweepSettings::from_env(&run.hosts, env).map_err(|error| wrong_setting(&error))?;
    start_telemetry(env, &run)?;
    let mut lines = std::io::stdout().lock();
    let mut unwritten = None;
    let runtime = runtime()?;
    let swept = runtime.block_on(async {
        let (revoker, lease) = Lease::new();
        let mut show = |finding: &Finding| {
            let line = terminal::visible(&finding.to_string()).into_owned();
            unwritten = unwritten.take().or(writeln!(lines, "{line}").err());
        };
        let swept = sweep::sweep(&run, &settings, args.hand(), &lease, &mut show);
        until_stopped(sweep::WITHIN, &revoker, swept).await.0
    });
    leave(runtime);
    match unwritten {
        Some(error) => {
            Err(Failure::new(Reason::Storage, format!("what was found cannot be written: {error}"), ""))
        }
        None => Ok(swept),
    }
}

fn doctor(args: &DoctorArgs, env: &Environment) -> Result<Exit, Failure> {
    shared::telemetry::init(env).map_err(|error| wrong_setting(&error))?;
    let findings = runtime()?.block_on(doctor::examine(args, env));
    let text = if args.is_json() { as_json(&findings) } else { findings.text(Colour::of_stdout()) };
    terminal::print(&text).map_err(|error| {
        Failure::new(Reason::Storage, format!("what was found cannot be written: {error}"), "")
    })?;
    Ok(findings.exit())
}

fn read_task(source: Option<&Path>, env: &Environment) -> std::io::Result<Vec<u8>> {
    let limit = shared::task::MAX_MESSAGE_BYTES as u64 + 1;
    let mut message = Vec::new();
    match source {
        None => match env.find(&TASK_JSON).map_err(std::io::Error::other)? {
            Some(text) => message = text.into_bytes(),
            None => return Err(std::io::Error::other("there is no task")),
        },
        Some(path) if path.as_os_str() == "-" => {
            std::io::stdin().lock().take(limit).read_to_end(&mut message)?;
        }
        Some(path) => {
            std::fs::File::open(path)?.take(limit).read_to_end(&mut message)?;
        }
    }
    Ok(message)
}

/// Does the work to its end. Once the process is asked to end, or the time is over, the lease is lost and the work ends early;
/// returns that, too.
async fn until_stopped<T>(
    deadline: Duration,
    revoker: &Revoker,
    work: impl Future<Output = T>,
) -> (T, Option<Lost>) {
    tokio::pin!(work);
    let lost = tokio::select! {
        done = &mut work => return (done, None),
        () = terminated() => Lost::Terminated,
        () = tokio::time::sleep(deadline) => Lost::Deadline,
    };
    revoker.revoke(lost);
    (work.await, Some(lost))
}

/// Returns when the process is asked to end.
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

fn solve(args: &SolveArgs, env: &Environment) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal::eprint_line(&format!("error: the runtime cannot start: {error}"));
            return Exit::Passing;
        }
    };
    tell_uncounted(env);
    let progress = Progress::on_stderr();
    let mut show = |step: Step| match step {
        Step::RuleBased if args.json => {}
        Step::RuleBased => terminal::announce(&step.to_string()),
        step => progress.show(&step),
    };
    let started = Instant::now();
    let mut known = Known::default();
    if args.show_prompt {
        let shown = runtime.block_on(solve::show_prompt(args, env, &mut show, &mut known));
        progress.finish();
        known.total_ms = millis(started.elapsed());
        return give(shown, &known, args.json, |prompts| prompts.text(Colour::of_stdout()));
    }
    let solved = runtime.block_on(solve::solve(args, env, &mut show, &mut known));
    progress.finish();
    known.total_ms = millis(started.elapsed());
    give(solved, &known, args.json, |report| report.text(Colour::of_stdout(), args.listing()))
}

fn explain(args: &ExplainArgs, env: &Environment) -> Exit {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal::eprint_line(&format!("error: the runtime cannot start: {error}"));
            return Exit::Passing;
        }
    };
    let explain = async |show: &mut (dyn FnMut(Step) + Send), known: &mut Known| {
        explain::explain(args, env, show, known).await
    };
    watched(&runtime, args.json, explain, |explanation| explanation.text(Colour::of_stdout()))
}

fn eval(args: &EvalArgs, env: &Environment) -> Result<Exit, Failure> {
    let eval = async |show: &mut (dyn FnMut(Step) + Send), known: &mut Known| {
        eval::eval(args, env, show, known).await
    };
    Ok(watched(&runtime()?, args.json, eval, |evaluation| evaluation.text(Colour::of_stdout())))
}

fn report(args: &ReportArgs, env: &Environment) -> Result<Exit, Failure> {
    let report =
        async |show: &mut (dyn FnMut(Step) + Send), _: &mut Known| results::report(args, env, show).await;
    Ok(watched(&runtime()?, args.json, report, |results| results.text(Colour::of_stdout())))
}

fn learn(args: &LearnArgs, env: &Environment) -> Result<Exit, Failure> {
    start_logging(env, LEARN)?;
    let (settings, config) = settings(args.model.as_deref(), env)?;
    start_telemetry(env, &settings)?;
    let line = Line::beside(env, "learn").map_err(|error| wrong_setting(&error))?;
    let bank = line.as_ref().and_then(|line| Bank::new(line, &settings.budgets));
    if bank.is_none() {
        tell_uncounted(env);
    }
    let calls = env.find(&AGENT_MODEL_CALLS_AT_ONCE).map_err(|error| wrong_setting(&error))?;
    let door = line.as_ref().zip(calls).map(|(line, most)| Door::new(line, most));
    let runtime = runtime()?;
    let (mut is_lost, mut failed) = (None, None);
    let learn = async |show: &mut (dyn FnMut(Step) + Send), _: &mut Known| {
        let (revoker, lease) = Lease::new();
        let lease = lease.with_bank(bank).with_door(door);
        let learned = learn::learn(&config, &settings, args, env, &lease, show);
        let (learned, lost) = until_stopped(settings.deadline, &revoker, learned).await;
        is_lost = lost;
        if let (Ok(learned), None) = (&learned, lost) {
            failed = learned.failure().cloned();
        }
        learned
    };
    let exit = watched(&runtime, args.json, learn, |learned| learned.text(Colour::of_stdout()));
    if let Some(line) = line {
        runtime.block_on(line.close());
    }
    leave(runtime);
    Ok(match (is_lost, failed) {
        (Some(Lost::Terminated), _) => Exit::Terminated,
        // The others are told, and this one ends the command.
        (_, Some(failure)) => tell_failed(&failure),
        (_, None) => exit,
    })
}

/// Carries a command out with its progress on standard error, and prints what came of it.
fn watched<T: serde::Serialize>(
    runtime: &Runtime,
    json: bool,
    command: impl AsyncFnOnce(&mut (dyn FnMut(Step) + Send), &mut Known) -> Result<T, Failure>,
    words: impl Fn(&T) -> String,
) -> Exit {
    let progress = Progress::on_stderr();
    let started = Instant::now();
    let mut known = Known::default();
    let mut show = |step| progress.show(&step);
    let made = runtime.block_on(command(&mut show, &mut known));
    progress.finish();
    known.total_ms = millis(started.elapsed());
    give(made, &known, json, words)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use shared::env::SettingError;

    use super::*;

    const MODELS: [&str; 3] = ["anthropic", "openai", "ollama"];

    fn env(model: &str) -> Environment {
        Environment::of([
            ("AGENT_MODEL", model),
            ("ANTHROPIC_API_KEY", "k"),
            ("OPENAI_API_KEY", "k"),
            ("AGENT_GITHUB_TOKEN", "t"),
            ("AGENT_MARKER_KEY", "0123456789abcdef"),
        ])
    }

    fn names(reads: &[&[&Group]]) -> BTreeSet<&'static str> {
        let groups = reads.concat();
        groups.iter().flat_map(|group| group.settings).map(|variable| variable.name).collect()
    }

    /// What `--help` and the documentation list for a command is what it reads.
    #[test]
    fn what_is_read_is_what_is_listed() {
        type Read<'r> = &'r dyn Fn(&Environment);

        let cycle = |env: &Environment| Config::from_env(None, env).map(drop).unwrap();
        let run = |env: &Environment| {
            cycle(env);
            RunSettings::from_env(env).map(drop).unwrap();
        };
        let consume = |env: &Environment| {
            run(env);
            DeliverySettings::from_env(env).map(drop).unwrap();
        };
        let sweep = |env: &Environment| {
            let run = RunSettings::of_looks(env).unwrap();
            SweepSettings::from_env(&run.hosts, env).map(drop).unwrap();
        };
        let probe = |env: &Environment| probe::path(env).map(drop).unwrap();
        let checks: [(&[&[&Group]], Read<'_>); 5] =
            [(SOLVE, &cycle), (RUN, &run), (CONSUME, &consume), (SWEEP, &sweep), (PROBE, &probe)];
        for (reads, read) in checks {
            let asked: BTreeSet<&str> = MODELS
                .iter()
                .flat_map(|model| {
                    let env = env(model);
                    read(&env);
                    env.asked()
                })
                .collect();
            // These are read when logging and telemetry start, once in a process.
            let later = names(&[&[&catalog::LOGS, &catalog::TELEMETRY]]);
            let listed: BTreeSet<&str> = names(reads).difference(&later).copied().collect();
            assert_eq!(asked, listed);
        }
        for (reads, name) in [
            (SWEEP, "AGENT_CI"),
            (SWEEP, "AGENT_REPAIRS"),
            (REPORT, "AGENT_TRANSCRIPT_DIR"),
            (RUN, "OTEL_METRIC_EXPORT_INTERVAL"),
            (DOCTOR, "OTEL_METRIC_EXPORT_INTERVAL"),
        ] {
            assert!(!names(reads).contains(name), "{name}");
        }
        // The doctor looks at what all the others read.
        let all: BTreeSet<&str> = [RUN, CONSUME, SWEEP]
            .iter()
            .flat_map(|reads| names(reads))
            .chain(names(&[&[&catalog::DOCTOR, &catalog::JIRA_WEBHOOKS]]))
            .collect();
        assert_eq!(names(DOCTOR), all);
    }

    #[test]
    fn a_name_that_is_wrong_stops_every_command_but_the_probe() {
        for reads in [SOLVE, RUN, CONSUME, SWEEP, DOCTOR] {
            let wrong = Environment::of([("AGENT_MAX_COSTS", "0.10")]).check_names(&reads.concat());
            assert!(matches!(wrong, Err(SettingError::Names(_))));
        }
    }
}
