//! `ai-agent explain`: what a run would read for an issue, in which order and why, without asking a model.
//!
//! An *explanation* is that, as facts; a table, JSON and a page show them.

mod explanation;
mod map;
mod page;
mod table;
mod treemap;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use shared::env::Environment;

pub use explanation::{Explanation, FeatureFacts, FileFacts, Given, Times, Tokens};

use crate::context::pack::Context;
use crate::context::read_set::Shown;
use crate::context::weights::Feature;
use crate::llm::Ledger;
use crate::outcome::{Failure, Reason};
use crate::path::RepoPath;
use crate::progress::Step;
use crate::report::{BaseFacts, IssueFacts, Known, millis};
use crate::solve::{self, Place};

/// Show what a run would read for an issue, in which order and why; no model is asked, nothing is written.
#[derive(Args, Debug)]
pub struct ExplainArgs {
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
    /// The branch, tag or commit to start from [default: what HEAD points to]
    #[arg(long, value_name = "REF")]
    base: Option<String>,
    /// The model that a run would ask: it decides how much is read, and what that may cost [default: `AGENT_MODEL`]
    ///
    /// It is not asked, but its key has to be set. Where none is named, the files are those that any model is given, 24,000
    /// tokens or `AGENT_CONTEXT_TOKENS`, and nothing is priced: the rule-based engine (builtin), which `ai-agent solve` then
    /// uses, searches every file.
    #[arg(long, value_name = "PROVIDER[:MODEL]")]
    model: Option<String>,
    /// How many of the best files to show, at most 100; those that would be read are shown in any case.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=100))]
    limit: u16,
    /// Print the explanation as JSON, see docs/explain.schema.json.
    #[arg(long)]
    pub json: bool,
    /// Also write it as a page with a map of the repository, for a browser.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Reads, ranks and packs as a run does. `known` is filled with what is known so far, for a failure.
pub async fn explain(
    args: &ExplainArgs,
    env: &Environment,
    progress: &mut (dyn FnMut(Step) + Send),
    known: &mut Known,
) -> Result<Explanation, Failure> {
    let started = Instant::now();
    let place = Place { repo: &args.repo, issue: &args.issue, base: args.base.as_deref() };
    let (config, issue, workspace) = solve::open(env, &place, args.model.as_deref(), known).await?;
    let opened = started.elapsed();
    let mut ledger = Ledger::new(config.ceiling);
    let cycle = config.cycle(&workspace, &issue, &mut ledger, progress);
    let budget = cycle.room();
    let (context, times) = cycle.look()?;
    let explanation = Explanation {
        outcome: "explained",
        issue: IssueFacts::of(&issue),
        base: BaseFacts::of(&workspace),
        model: config.engine.name(),
        calls_at_most: config.calls_at_most(&config.engine),
        cost_at_most: config.cost_at_most(&config.engine, &config.ceiling),
        cost_at_most_usd: config.usd_at_most(&config.engine, &config.ceiling),
        tokens: Tokens {
            budget,
            files: context.spent.files,
            map: context.spent.map,
            instructions: context.spent.instructions,
            total: context.spent.total(),
        },
        ranked: context.sizes().count(),
        left_out: context.left_out.clone(),
        features: Feature::all().map(FeatureFacts::of).to_vec(),
        files: files(&context, args.limit.into()),
        instructions: context.instructions.iter().map(|instruction| instruction.path.clone()).collect(),
        times: Times {
            open_ms: millis(opened),
            walk_ms: millis(times.walk),
            index_ms: millis(times.index),
            pack_ms: millis(times.pack),
            total_ms: millis(started.elapsed()),
        },
    };
    if let Some(file) = &args.html {
        let page = page::page(&explanation, issue.body.as_str(), &context);
        std::fs::write(file, page).map_err(|error| {
            let what = format!("the page cannot be written to {}: {error}", file.display());
            Failure::new(Reason::Storage, what, "Give a place that can be written to with `--html`.")
        })?;
    }
    Ok(explanation)
}

/// The best `limit` files, and those after them that would be read.
fn files(context: &Context, limit: usize) -> Vec<FileFacts> {
    let mapped: BTreeSet<&RepoPath> = context.mapped.iter().collect();
    let facts = context.explained.iter().enumerate().map(|(at, explained)| {
        let ranked = &explained.ranked;
        let (given, lines) = match context.read.get(&ranked.path).map(|file| &file.shown) {
            Some(Shown::Whole) => (Given::Whole, Vec::new()),
            Some(Shown::Lines(lines)) => (Given::Part, lines.clone()),
            None if mapped.contains(&ranked.path) => (Given::Map, Vec::new()),
            None => (Given::No, Vec::new()),
        };
        FileFacts {
            rank: at + 1,
            path: ranked.path.clone(),
            role: ranked.role,
            given,
            lines,
            tokens: explained.tokens,
            score: ranked.score,
            prior: ranked.prior,
            shares: Feature::all()
                .into_iter()
                // One that is nothing once it is rounded adds nothing.
                .filter(|feature| explanation::rounded(ranked.share(*feature)) > 0.0)
                .map(|feature| (feature.name(), ranked.share(feature)))
                .collect(),
            why: explained.why.clone(),
        }
    });
    facts.filter(|file| file.rank <= limit || matches!(file.given, Given::Whole | Given::Part)).collect()
}
