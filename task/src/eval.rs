//! `ai-agent eval`: what the agent would read, cost and change on issues of a repository that people resolved already.
//!
//! Each case is a merged change that closed an issue. The repository is read as it was before that change, and nothing
//! that came later is looked at: neither by the ranking nor by a model. Without `--budget` nothing is asked.

mod asked;
mod cases;
mod facts;
mod fix;
mod page;
mod state;
mod table;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use sha2::{Digest as _, Sha256};
use shared::env::Environment;
use shared::hex;

pub use facts::Evaluation;

use crate::config::{self, Config, ConfigError};
use crate::context::pack::Context;
use crate::context::read_set::Shown;
use crate::explain::Given;
use crate::git::workspace::Workspace;
use crate::llm::{Ceiling, Ledger, MoneyCeiling, Usd};
use crate::outcome::{Failure, Reason};
use crate::progress::Step;
use crate::report::{Known, millis};
use cases::{Case, HOW, Left};
use facts::{Answer, CaseFacts, FileFacts, LeftOut, Measure, ResultKind, Summary};
use fix::{Fix, How};
use state::State;

/// Tokens of the instructions, the issue and the frame, beside files and outlines.
const FRAME_TOKENS: u32 = 4_000;
/// Bytes of an answer without the changed lines: title, summary, names.
const ANSWER_BYTES: usize = 1_500;
/// Bytes of a line that is changed, as an answer has it: the old one, the new one, and lines around it.
const LINE_BYTES: usize = 120;
/// Characters of a title while a case is looked at.
const TITLE_CHARS: usize = 60;

/// Measure on your own repository: what the agent would read, cost and change for issues that are resolved.
///
/// A case is a merged change that closes an issue. The repository is read as it was before that change, so that the fix is
/// hidden. Without `--budget` no model is asked and nothing is paid: you learn whether each file that had to change would
/// have been given to the model, and what a run would cost. With `--budget` the model of `--model` resolves each issue, and
/// its change is put beside the person's. Nothing is written to the repository, and no code of it is run.
#[derive(Args, Debug)]
pub struct EvalArgs {
    /// The repository, or a folder inside it; bare ones too.
    #[arg(long, value_name = "PATH", default_value = ".")]
    repo: PathBuf,
    /// Merged pull requests, as `gh pr list --state merged --json number,body,mergeCommit,closingIssuesReferences` prints them.
    #[arg(long, value_name = "FILE", requires = "issues", conflicts_with = "cases")]
    pulls: Option<PathBuf>,
    /// The issues that they close, as `gh issue list --state closed --json number,title,body` prints them.
    #[arg(long, value_name = "FILE", requires = "pulls")]
    issues: Option<PathBuf>,
    /// Cases from elsewhere: a file with one JSON object a line, with `title`, `commit`, and perhaps `number`, `body`, `base`.
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    /// How many cases, the newest first.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=1000))]
    last: u16,
    /// The model whose price is told, and which is asked with `--budget` [default: `AGENT_MODEL`]
    ///
    /// Its key has to be set, although it is not sent without `--budget`. Where no model is named, the files are those that
    /// any model is given, 24,000 tokens or `AGENT_CONTEXT_TOKENS`, and nothing is priced.
    #[arg(long, value_name = "PROVIDER[:MODEL]")]
    model: Option<String>,
    /// Ask the model, for at most so many dollars in all; what an earlier evaluation with the same state spent counts.
    #[arg(long, value_name = "USD")]
    budget: Option<Usd>,
    /// Read the repository as it was after the fix: the right answer is that nothing has to change.
    #[arg(long, requires = "budget")]
    already_fixed: bool,
    /// Where answers are kept, so that an evaluation that was interrupted goes on and pays for no case twice.
    #[arg(long, value_name = "FILE", default_value = "ai-agent-eval.jsonl")]
    state: PathBuf,
    /// Print the evaluation as JSON, see docs/eval.schema.json.
    #[arg(long)]
    pub json: bool,
    /// Also write it as a page for a browser.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// A case that can be compared with its fix.
struct Ready {
    case: Case,
    fix: Fix,
}

/// Looks at each case, and asks the model where a budget allows it. `known` is filled for a failure.
pub async fn eval(
    args: &EvalArgs,
    env: &Environment,
    progress: &mut (dyn FnMut(Step) + Send),
    known: &mut Known,
) -> Result<Evaluation, Failure> {
    let started = Instant::now();
    let config = configured(args, env)?;
    known.model = Some(config.engine.name());
    let workspace = Workspace::open(&args.repo, None)
        .map_err(|error| Failure::of_message(Reason::Repository, &error.to_string(), ""))?;
    let (cases, left) = given(args)?;
    let (ready, left_out) = chosen(&workspace.repo(), cases, left, args.last.into())?;
    let mut state = match args.budget {
        Some(_) => Some(State::open(&args.state)?),
        None => None,
    };
    let mut facts = Vec::new();
    // Rules without a model have no price.
    let at_most = config.engine.model().and_then(|_| config.usd_at_most(&config.engine, &config.ceiling));
    for (number, Ready { case, fix }) in (1..).zip(&ready) {
        let title: String = case.issue.title.as_str().chars().take(TITLE_CHARS).collect();
        progress(Step::Note(format!("case {number} of {}: {title}", ready.len())));
        let base = if args.already_fixed { fix.commit } else { fix.base };
        let workspace = Workspace::open(&args.repo, Some(&base.to_string()))
            .map_err(|error| Failure::of_message(Reason::Repository, &error.to_string(), ""))?;
        let mut looked = look(&config, &workspace, case, fix, progress)?;
        if let (Some(budget), Some(state)) = (args.budget, &mut state) {
            let key = key(&config, case, fix, args.already_fixed);
            let answer = answered(&config, &workspace, case, fix, (budget, &key), state, progress).await?;
            looked.answer = Some(answer);
        }
        facts.push(looked);
    }
    let spent = state.as_ref().map_or(Usd::ZERO, State::spent);
    let measure = match (args.budget, args.already_fixed) {
        (None, _) => Measure::Reading,
        (Some(_), false) => Measure::Changes,
        (Some(_), true) => Measure::AlreadyFixed,
    };
    let evaluation = Evaluation {
        outcome: "evaluated",
        model: config.engine.name(),
        measure,
        budget_usd: args.budget,
        summary: Summary::of(&facts, at_most, spent),
        cases: facts,
        left_out,
        total_ms: millis(started.elapsed()),
    };
    if let Some(file) = &args.html {
        std::fs::write(file, page::page(&evaluation)).map_err(|error| {
            let what = format!("the page cannot be written to {}: {error}", file.display());
            Failure::new(Reason::Storage, what, "Give a place that can be written to with `--html`.")
        })?;
    }
    Ok(evaluation)
}

/// The configuration; one that could not keep a budget is refused before anything is read.
fn configured(args: &EvalArgs, env: &Environment) -> Result<Config, Failure> {
    let config = env.check(config::READS).map_err(ConfigError::from);
    let config = config.and_then(|()| Config::from_env_or_rules(args.model.as_deref(), env));
    let config = config.map_err(|error| {
        let next = "Correct the setting and run the command again.";
        Failure::of_message(Reason::Usage, &error.to_string(), next)
    })?;
    if args.budget.is_some() {
        let Some(llm) = config.engine.model() else {
            let what = "`--budget` is for a model, and the rule-based engine (builtin) asks none";
            return Err(Failure::new(
                Reason::Usage,
                what,
                "Name a model with `--model`, or remove `--budget`.",
            ));
        };
        if llm.so_far(0, 0).is_none() {
            let what = format!("the price of {} is unknown, so no budget can be kept", llm.name());
            let next = "Set AGENT_MODEL_PRICE to it (`free` if nobody charges for it).";
            return Err(Failure::new(Reason::Usage, what, next));
        }
    }
    Ok(config)
}

fn given(args: &EvalArgs) -> Result<(Vec<Case>, Vec<Left>), Failure> {
    match (&args.cases, &args.pulls, &args.issues) {
        (Some(cases), _, _) => Ok((cases::of_lines(cases)?, Vec::new())),
        (None, Some(pulls), Some(issues)) => cases::of_gh(pulls, issues),
        _ => Err(Failure::new(Reason::Usage, "nothing says which changes were merged", HOW)),
    }
}

/// The newest cases whose fix the repository has, and what is left out.
fn chosen(
    repo: &gix::Repository,
    cases: Vec<Case>,
    left: Vec<Left>,
    most: usize,
) -> Result<(Vec<Ready>, Vec<LeftOut>), Failure> {
    let mut left_out: Vec<LeftOut> =
        left.into_iter().map(|Left { what, why }| LeftOut { what, why }).collect();
    let mut ready = Vec::new();
    for case in cases {
        match Fix::of(repo, &case) {
            Ok(fix) => ready.push(Ready { case, fix }),
            Err(why) => {
                let title: String = case.issue.title.as_str().chars().take(TITLE_CHARS).collect();
                let what = match &case.issue.id {
                    Some(id) => format!("{} {title}", id.reference()),
                    None => title,
                };
                left_out.push(LeftOut { what, why });
            }
        }
    }
    ready.sort_by_key(|ready| std::cmp::Reverse(ready.fix.time));
    ready.truncate(most);
    if !ready.is_empty() {
        return Ok((ready, left_out));
    }
    let mut what = "there is no case to evaluate".to_owned();
    for LeftOut { what: name, why } in left_out.iter().take(5) {
        write!(what, "\n- {name}: {why}").expect("a String takes any text");
    }
    if left_out.len() > 5 {
        write!(what, "\n- and {} more", left_out.len() - 5).expect("a String takes any text");
    }
    Err(Failure::new(Reason::Usage, what, HOW))
}

/// What would be read, and how much of the fix is in it.
fn look(
    config: &Config,
    workspace: &Workspace,
    case: &Case,
    fix: &Fix,
    progress: &mut (dyn FnMut(Step) + Send),
) -> Result<CaseFacts, Failure> {
    let mut ledger = Ledger::new(config.ceiling);
    let cycle = config.cycle(workspace, &case.issue, &mut ledger, progress);
    let (context, _) = cycle.look()?;
    let size = fix.size();
    let tokens = context.spent.total();
    let bytes = ANSWER_BYTES + LINE_BYTES * (size.added + size.removed);
    let model = config.engine.model();
    let one_call_usd = model.and_then(|llm| llm.so_far(tokens.saturating_add(FRAME_TOKENS), bytes));
    Ok(CaseFacts {
        number: case.issue.id.clone(),
        title: case.issue.title.as_str().to_owned(),
        commit: fix.commit.to_string(),
        base: workspace.base().commit.to_string(),
        files: fix.files.iter().map(|file| file_facts(&context, file)).collect(),
        tokens,
        one_call_usd,
        size,
        answer: None,
    })
}

fn file_facts(context: &Context, file: &fix::Changed) -> FileFacts {
    let path = &file.path;
    let shown = context.read.get(path).map(|read| &read.shown);
    let given = match (file.how, shown) {
        (How::New, _) => None,
        (_, Some(Shown::Whole)) => Some(Given::Whole),
        (_, Some(Shown::Lines(_))) => Some(Given::Part),
        (_, None) if context.mapped.contains(path) => Some(Given::Map),
        (_, None) => Some(Given::No),
    };
    let is_shown = |(from, to): &(usize, usize)| match shown {
        Some(Shown::Whole) => true,
        Some(Shown::Lines(ranges)) => ranges.iter().any(|(first, last)| first <= from && to <= last),
        None => false,
    };
    let rank = context.explained.iter().position(|explained| explained.ranked.path == *path).map(|at| at + 1);
    let lines_given = shown.is_some() && file.lines.iter().all(is_shown);
    FileFacts { path: path.clone(), change: file.how, given, rank, lines_given }
}

/// What is asked, so that the same question is not paid for twice and another one is not taken for it.
fn key(config: &Config, case: &Case, fix: &Fix, already_fixed: bool) -> String {
    let mut hash = Sha256::new();
    for part in [
        config.digest(),
        &case.issue.digest(),
        &fix.base.to_string(),
        &fix.commit.to_string(),
        if already_fixed { "already fixed" } else { "" },
    ] {
        hash.update(part);
        hash.update([0]);
    }
    hex::text(&hash.finalize())
}

/// What the model answers: now, or as it did before.
async fn answered(
    config: &Config,
    workspace: &Workspace,
    case: &Case,
    fix: &Fix,
    (budget, key): (Usd, &str),
    state: &mut State,
    progress: &mut (dyn FnMut(Step) + Send),
) -> Result<Answer, Failure> {
    if let Some(known) = state.answer(key) {
        return Ok(known.clone());
    }
    let left = budget.left_after(state.spent());
    let (MoneyCeiling::AtMost(own) | MoneyCeiling::AtMostIfPriced(own)) = config.ceiling.money;
    let money = own.min(left);
    let ceiling = Ceiling { money: MoneyCeiling::AtMost(money), ..config.ceiling };
    state.begin(key, money)?;
    let answer = asked::ask(config, workspace, &case.issue, fix, ceiling, progress).await;
    // Nothing was asked: a larger budget, another day, a key that works may let it be asked.
    if answer.result == ResultKind::Failed && answer.input_tokens == 0 && answer.output_tokens == 0 {
        state.forget(key)?;
        return match answer.reason.as_deref() {
            Some("budget") => Ok(Answer { what: answer.what, ..Answer::of(ResultKind::NotAsked) }),
            Some("provider") => Err(Failure::new(
                Reason::Provider,
                answer.what.unwrap_or_default(),
                "Correct it and run the command again; what was asked so far is kept.",
            )),
            _ => Ok(answer),
        };
    }
    state.keep(key, &answer)?;
    Ok(answer)
}
