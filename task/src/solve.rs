//! `ai-agent solve`: the whole cycle on a local git repository, for one issue from a file.

mod keep;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use shared::issue::{BRANCHES, IssueId};
use shared::mode::{ModeKind, Product};

use shared::env::Environment;

use crate::bill::Bill;
use crate::config::{self, Config, ConfigError};
use crate::cycle::{self, Account, Already, End};
use crate::engine::Engine;
use crate::git::workspace::{OpenError, Workspace};
use crate::issue::{Issue, source};
use crate::llm::{Existing, Ledger, Transcript, Usd};
use crate::outbound::Gate;
use crate::outcome::{Failure, Reason};
use crate::patch;
use crate::path::RepoPath;
use crate::plan::{self, Binding, Moved, Plan};
use crate::progress::Step;
use crate::prompts::Prompts;
use crate::protocol::ask::Goal;
use crate::pull_request::{ChangeFact, Facts, ReadFact};
use crate::report::{
    AlreadyResult, BaseFacts, IssueFacts, Known, Listing, Outcome, QuoteFact, Report, Times, millis,
};

/// Solve an issue in a git repository on this machine: nothing is pushed, the work tree is not touched.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub struct SolveArgs {
    /// The repository, or a folder inside it; bare ones too.
    #[arg(long, value_name = "PATH", default_value = ".")]
    repo: PathBuf,
    /// The issue: a file, `-` for standard input, or an address, `https://github.com/OWNER/NAME/issues/N`
    ///
    /// A file is Markdown with the title on its first line, or what `gh issue view --json number,title,body` prints. Of an
    /// address, title and text are read. A private repository needs a token in `AGENT_GITHUB_TOKEN_FILE` or
    /// `AGENT_GITHUB_TOKEN`; a GitHub Enterprise Server needs its host in `AGENT_GITHUB_HOST` as well.
    #[arg(long, value_name = "FILE|URL|-")]
    issue: String,
    /// The issue's number, or its key, such as PROJ-123, if the file does not tell it.
    #[arg(long, value_name = "N")]
    number: Option<IssueId>,
    /// The branch, tag or commit to start from [default: what HEAD points to]
    #[arg(long, value_name = "REF")]
    base: Option<String>,
    /// Change at once, or write a plan for approval.
    #[arg(long, value_parser = modes(), default_value_t = ModeKind::QuickFix, conflicts_with = "approve")]
    mode: ModeKind,
    /// Carry out the plan that `--mode plan --out PLAN` wrote; you may have edited it.
    #[arg(long, value_name = "PLAN")]
    approve: Option<PathBuf>,
    /// Write the plan to FILE; it is printed on standard output as well.
    #[arg(long, value_name = "FILE", conflicts_with = "approve")]
    out: Option<PathBuf>,
    /// anthropic, openai, ollama or builtin; a model may follow, as in ollama:qwen3-coder:30b [default: `AGENT_MODEL`, else builtin]
    #[arg(long, value_name = "PROVIDER[:MODEL]")]
    model: Option<String>,
    /// Do everything but write to the repository; the file of `--out` is written.
    #[arg(long)]
    dry_run: bool,
    /// Print the messages that the model would be sent, and do not ask it: the choice of files, if there is one, and the first
    /// question. Files that the model asks for later cannot be told beforehand.
    #[arg(long, conflicts_with_all = ["out", "dry_run", "transcript", "files"])]
    pub show_prompt: bool,
    /// Keep the whole conversation with the model in a new file: JSON, a message a line, without secrets.
    #[arg(long, value_name = "FILE")]
    transcript: Option<PathBuf>,
    /// List the files that were read, and why.
    #[arg(long)]
    files: bool,
    /// Print the result as JSON, see docs/solve.schema.json.
    #[arg(long)]
    pub json: bool,
}

impl SolveArgs {
    pub fn listing(&self) -> Listing {
        if self.files { Listing::Files } else { Listing::Count }
    }
}

/// The modes that begin with an issue alone.
fn modes() -> impl TypedValueParser<Value = ModeKind> {
    let names = ModeKind::ALL.into_iter().filter(|mode| mode.begins_work()).map(ModeKind::name);
    PossibleValuesParser::new(names).try_map(|name| ModeKind::named(&name).ok_or("not the name of a mode"))
}

/// What is to be done, decided before anything is read.
enum Work {
    Edit,
    Plan,
    Execute(Plan, Box<Binding>),
}

/// Where the change goes.
struct Target {
    branch: String,
    /// Names the task in the commit, so that a later attempt at it may replace the commit.
    task: String,
}

impl Target {
    fn new(issue: &Issue) -> Self {
        let part = issue.branch_part();
        Self { branch: format!("{BRANCHES}{part}"), task: format!("local {part}") }
    }
}

/// What came of it, apart from what was known before.
struct Reported {
    outcome: Outcome,
    facts: Facts,
    times: cycle::Times,
}

/// Does the whole cycle and tells what came of it. `known` is filled with what is known so far, for a failure.
pub async fn solve(
    args: &SolveArgs,
    env: &Environment,
    progress: &mut (dyn FnMut(Step) + Send),
    known: &mut Known,
) -> Result<Report, Failure> {
    let started = Instant::now();
    if args.out.is_some() && args.mode.makes() != Product::Plan {
        return Err(usage(
            "`--out` is only valid with `--mode plan`",
            "Add `--mode plan`, or remove `--out`.",
        ));
    }
    let place = Place { repo: &args.repo, issue: &args.issue, base: args.base.as_deref() };
    let (config, mut issue, workspace) = open(env, &place, args.model.as_deref(), known).await?;
    if matches!(config.engine, Engine::Rules) {
        progress(Step::RuleBased);
    }
    issue.id = args.number.clone().or(issue.id);
    let issue_facts = IssueFacts::of(&issue);
    known.issue = Some(issue_facts.clone());
    let work = work(args)?;
    let opened = started.elapsed();
    let target = Target::new(&issue);
    if !args.dry_run && !matches!(work, Work::Plan) {
        // Before a model is asked in vain.
        workspace.replaceable(&target.branch, &target.task).map_err(|error| keep::not_published(&error))?;
    }

    let transcript = record(args, env, &config)?;
    let mut ledger = Ledger::new(config.ceiling);
    let done = do_work(args, &config, &issue, &workspace, &work, &mut ledger, progress).await;
    let spent = ledger.spent();
    if let Some(problem) = transcript.and_then(|transcript| transcript.problem()) {
        progress(Step::Note(problem));
    }
    let Reported { outcome, facts, times } = done.map_err(|failure| {
        known.spent(&Bill::of(&config.engine, spent));
        failure.billed(Bill::if_asked(&config.engine, spent))
    })?;
    Ok(Report {
        outcome: "done",
        issue: issue_facts,
        base: BaseFacts::of(&workspace),
        result: outcome,
        facts,
        times: Times {
            open_ms: millis(opened),
            walk_ms: millis(times.walk),
            index_ms: millis(times.index),
            pack_ms: millis(times.pack),
            model_ms: millis(times.model),
            check_ms: millis(times.check),
            total_ms: millis(started.elapsed()),
        },
    })
}

/// What would be sent, as `--show-prompt` prints it.
pub async fn show_prompt(
    args: &SolveArgs,
    env: &Environment,
    progress: &mut (dyn FnMut(Step) + Send),
    known: &mut Known,
) -> Result<Prompts, Failure> {
    let place = Place { repo: &args.repo, issue: &args.issue, base: args.base.as_deref() };
    let (config, mut issue, workspace) = open(env, &place, args.model.as_deref(), known).await?;
    issue.id = args.number.clone().or(issue.id);
    known.issue = Some(IssueFacts::of(&issue));
    let work = work(args)?;
    let mut ledger = Ledger::new(config.ceiling);
    let cycle = config.cycle(&workspace, &issue, &mut ledger, &mut *progress);
    let goal = match &work {
        Work::Edit => Goal::Edit,
        Work::Plan => Goal::Plan,
        Work::Execute(plan, binding) => {
            is_stale(plan, binding, &config, &issue, &workspace)?;
            Goal::Execute { plan: plan.text() }
        }
    };
    let shown = cycle.shown(goal)?;
    if shown.is_empty() {
        return Err(usage(
            "`--show-prompt` shows what a model is sent, and the rule-based engine (builtin) asks none",
            "Name a model with `--model` or AGENT_MODEL.",
        ));
    }
    let mut secrets = config.secrets();
    secrets.extend(env.secrets());
    let gate = Gate::new(&secrets, &[], None);
    Ok(Prompts::new(&issue, &workspace, config.engine.name(), shown, |text| gate.redact(text)))
}

/// Where the conversation is kept, if it is to be.
fn record(args: &SolveArgs, env: &Environment, config: &Config) -> Result<Option<Arc<Transcript>>, Failure> {
    let Some(path) = &args.transcript else { return Ok(None) };
    let Some(llm) = config.engine.model() else {
        return Err(usage(
            "`--transcript` keeps the conversation with a model, and the rule-based engine (builtin) asks none",
            "Name a model with `--model` or AGENT_MODEL, or remove `--transcript`.",
        ));
    };
    let mut secrets = config.secrets();
    secrets.extend(env.secrets());
    let transcript = Transcript::open(path, &secrets, Existing::Refused).map_err(|error| {
        let shown = path.display();
        let (what, next) = match error.kind() {
            std::io::ErrorKind::AlreadyExists => (
                format!("the transcript {shown} exists already, and is not overwritten"),
                "Name another file with `--transcript`, or delete this one.",
            ),
            _ => (
                format!("the transcript cannot be written to {shown}: {error}"),
                "Give a place that can be written to with `--transcript`.",
            ),
        };
        Failure::new(Reason::Storage, what, next)
    })?;
    let transcript = Arc::new(transcript);
    llm.record_in(Arc::clone(&transcript));
    Ok(Some(transcript))
}

/// Asks, and keeps what came of it.
async fn do_work(
    args: &SolveArgs,
    config: &Config,
    issue: &Issue,
    workspace: &Workspace,
    work: &Work,
    ledger: &mut Ledger,
    progress: &mut (dyn FnMut(Step) + Send),
) -> Result<Reported, Failure> {
    let cycle = config.cycle(workspace, issue, ledger, &mut *progress);
    match work {
        Work::Plan => match cycle.plan(None).await? {
            End::Made(planned) => keep::plan(args, config, issue, workspace, planned),
            End::Already(found) => Ok(tell_already(config, issue, &found)),
        },
        Work::Edit => match cycle.solve(None).await? {
            End::Made(solution) => keep::change(args, config, issue, workspace, solution, progress),
            End::Already(found) => Ok(tell_already(config, issue, &found)),
        },
        Work::Execute(plan, binding) => {
            if is_stale(plan, binding, config, issue, workspace)? == Edited::Since {
                (cycle.progress)(Step::PlanEdited);
            }
            match cycle.solve(Some(plan.text())).await? {
                End::Made(solution) => keep::change(args, config, issue, workspace, solution, progress),
                End::Already(found) => Ok(tell_already(config, issue, &found)),
            }
        }
    }
}

/// What is worked on: the issue's file or address, and the repository that `repo` is in, at `base`.
pub(crate) struct Place<'a> {
    pub(crate) repo: &'a Path,
    pub(crate) issue: &'a str,
    pub(crate) base: Option<&'a str>,
}

/// What is worked with. `known` is filled on the way.
pub(crate) async fn open(
    env: &Environment,
    place: &Place<'_>,
    model: Option<&str>,
    known: &mut Known,
) -> Result<(Config, Issue, Workspace), Failure> {
    let config = env.check(config::READS).map_err(ConfigError::from);
    let config = config.and_then(|()| Config::from_env_or_rules(model, env));
    let config = config.map_err(|error| usage(&error, "Correct the setting and run the command again."))?;
    known.model = Some(config.engine.name());
    known.cost_usd = config.engine.cost(Usd::ZERO);
    let issue = source::read(place.issue, env).await?;
    known.issue = Some(IssueFacts::of(&issue));
    let workspace = Workspace::open(place.repo, place.base).map_err(|error| not_opened(&error))?;
    known.base = Some(BaseFacts::of(&workspace));
    Ok((config, issue, workspace))
}

fn work(args: &SolveArgs) -> Result<Work, Failure> {
    let Some(file) = &args.approve else {
        return Ok(if args.mode.makes() == Product::Plan { Work::Plan } else { Work::Edit });
    };
    let name = file.display();
    let document = std::fs::read_to_string(file).map_err(|error| {
        usage(&format!("the plan {name} cannot be read: {error}"), "Give the file that `--out` wrote.")
    })?;
    let (plan, binding) = plan::from_document(&document).map_err(|error| {
        usage(&format!("the plan {name} cannot be approved: {error}"), "Make the plan again.")
    })?;
    Ok(Work::Execute(plan, Box::new(binding)))
}

/// Whether the person who approves a plan has edited it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edited {
    Never,
    Since,
}

/// An approval holds for what the plan was made from. On this machine the one who approves is the one who can edit the
/// file, so the text of the plan may be another one.
fn is_stale(
    plan: &Plan,
    binding: &Binding,
    config: &Config,
    issue: &Issue,
    workspace: &Workspace,
) -> Result<Edited, Failure> {
    let then = gix::ObjectId::from_hex(binding.base.as_bytes()).ok();
    let differs = |path: &RepoPath| match then {
        Some(then) => workspace.differs_from(then, path),
        None => true,
    };
    let mut moved = binding.moved(plan, &issue.digest(), config.digest(), differs);
    let edited = if moved.contains(&Moved::Plan) { Edited::Since } else { Edited::Never };
    moved.retain(|what| *what != Moved::Plan);
    if moved.is_empty() {
        return Ok(edited);
    }
    let what: Vec<String> = moved.iter().map(ToString::to_string).collect();
    Err(Failure::new(
        Reason::StalePlan,
        format!("The plan is stale: {}.", what.join("; ")),
        "Make the plan again with `--mode plan --out FILE`, read it, and approve that.",
    ))
}

/// Nothing is written: what the issue asks for is there.
fn tell_already(config: &Config, issue: &Issue, found: &Already) -> Reported {
    let Already { proof, account } = found;
    let gate = gate(config, issue);
    let why = gate.body(&proof.why).to_string();
    let mut facts = facts(issue, config, account, &[], "Nothing to change", &why);
    facts.notes.clone_from(&account.withheld);
    let quotes = proof.quotes.iter().map(|quote| QuoteFact {
        path: quote.path.clone(),
        line: quote.line,
        text: gate.redact(&quote.text),
    });
    let outcome = Outcome::Already(AlreadyResult { quotes: quotes.collect() });
    Reported { outcome, facts, times: account.times }
}

fn gate(config: &Config, issue: &Issue) -> Gate {
    Gate::new(&config.secrets(), &[], issue.id.as_ref().and_then(IssueId::number))
}

fn facts(
    issue: &Issue,
    config: &Config,
    account: &Account,
    patch: &[patch::Change],
    title: &str,
    summary: &str,
) -> Facts {
    let changed: Vec<ChangeFact> = patch.iter().map(ChangeFact::of).collect();
    let read = account.read.iter().map(|(path, file)| ReadFact {
        path: path.clone(),
        why: file.why.clone(),
        changed: changed.iter().any(|change| change.is_of(path)),
    });
    Facts {
        issue: issue.id.clone(),
        title: title.to_owned(),
        summary: summary.to_owned(),
        read: read.collect(),
        changed,
        unplanned: Vec::new(),
        warnings: Vec::new(),
        notes: Vec::new(),
        bill: Bill::of(&config.engine, account.spent),
    }
}

fn usage(error: &(impl std::fmt::Display + ?Sized), next: &str) -> Failure {
    Failure::of_message(Reason::Usage, &error.to_string(), next)
}

fn not_opened(error: &OpenError) -> Failure {
    // Each of these says what to do.
    Failure::of_message(Reason::Repository, &error.to_string(), "")
}
