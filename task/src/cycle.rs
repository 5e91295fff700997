//! A *cycle* is what a run does between reading and writing: read, ask, resolve, check, and correct once. Without a
//! model it is: search, resolve, check.
//!
//! It is the same on one machine and on a cluster; it neither knows a tracker nor moves a branch.

mod acceptance;
mod already;
mod base;
pub mod choice;
mod complaint;
mod failure;
mod follow;
mod repair;
mod rules;
mod settle;
mod shown;
mod talk;

use std::time::{Duration, Instant};

use shared::otlp::Span;
use shared::otlp::catalog::{CONTEXT_TOKENS, FILES, PATHS, RANK, WALK};

use crate::bounds::Bounds;
use crate::check::CheckedPatch;
use crate::context::history::History;
use crate::context::index::Index;
use crate::context::pack::{self, Context};
use crate::context::query::Query;
use crate::context::read_set::ReadSet;
use crate::context::role::Omission;
use crate::context::walk::{self, Caps};
use crate::engine::Engine;
use crate::git::workspace::Workspace;
use crate::issue::Issue;
use crate::llm::{Ledger, Llm, Spent};
use crate::outbound::markup::code_span;
use crate::outbound::tokens_by_line;
use crate::outcome::Failure;
use crate::parser::Parsers;
use crate::path::RepoPath;
use crate::plan::Plan;
use crate::progress::Step;
use crate::protect::Protection;
use crate::protocol::ask::{Broken, Follow, Goal};
use acceptance::{Accepted, Change, Measure, Rule, Try, accept_plan};
pub use already::{Found, Proof};
use choice::Choose;
use complaint::Proposed;
use failure::{not_indexed, not_walked};
pub use follow::Followed;
pub use settle::{BY_HAND, Dispute, Settled};
pub use shown::Shown;
use talk::Conversation;
pub(crate) use talk::send;

/// Calls of one cycle beside one after each round of looking: the choice of files, the first, and the correction. Where a plan is
/// carried out there is no choice, and perhaps a question about files that the plan does not name.
pub const FIXED_CALLS: u32 = 3;
/// Tokens of the standing instructions, the issue and the frame of the first message.
const FRAME_TOKENS: u32 = 4_000;
/// Files with secrets that are named to a reader.
const MAX_WITHHELD: usize = 10;
/// The longest that one patch is parsed.
const CHECK_TIME: Duration = Duration::from_secs(20);

/// What a cycle works with.
pub struct Cycle<'a> {
    pub workspace: &'a Workspace,
    pub issue: &'a Issue,
    pub engine: &'a Engine,
    pub protection: &'a Protection,
    /// Tokens of files and outlines in the first message.
    pub context_tokens: u32,
    /// How often the model may ask to see more before it must answer.
    pub rounds: u32,
    /// Whether a model is asked which files to read.
    pub choose: Choose,
    /// The model that is asked for that, if it is another one.
    pub chooser: Option<&'a Llm>,
    /// Keeps what was spent, whatever comes of it.
    pub ledger: &'a mut Ledger,
    pub progress: &'a mut (dyn FnMut(Step) + Send),
}

/// A change that was resolved and checked.
pub struct Solution {
    pub patch: CheckedPatch,
    /// What the model calls it.
    pub title: Option<String>,
    /// What the model says of it, Markdown.
    pub summary: Option<String>,
    /// What was proposed and is not part of it, sentences for people.
    left_out: Vec<String>,
    /// Files that it changes and the approved plan does not name.
    pub unplanned: Vec<RepoPath>,
    pub account: Account,
}

/// How a cycle ends well.
pub enum End<T, A = Already> {
    Made(T),
    /// Nothing has to be changed.
    Already(A),
}

/// That nothing has to be changed.
pub struct Already {
    pub proof: Proof,
    pub account: Account,
}

impl Solution {
    /// What a reviewer should look at first. One sentence each.
    pub fn warnings(&self) -> Vec<String> {
        self.patch.warnings()
    }

    /// What a reviewer should know in addition to what was done. One sentence each.
    pub fn notes(&self) -> Vec<String> {
        let of_files = self.account.unparsed.iter().chain(&self.account.withheld).cloned();
        self.left_out.iter().cloned().chain(self.patch.notes()).chain(of_files).collect()
    }
}

/// A plan that was parsed.
pub struct Planned {
    pub plan: Plan,
    pub account: Account,
}

/// What was read and spent on the way.
pub struct Account {
    /// The files that were read, and so may be changed.
    pub read: ReadSet,
    /// Notes on files whose definitions were not found.
    unparsed: Vec<String>,
    /// Notes on what the model was not shown because it is secret.
    pub withheld: Vec<String>,
    pub spent: Spent,
    pub times: Times,
}

/// Where the time went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    pub walk: Duration,
    pub index: Duration,
    pub pack: Duration,
    pub model: Duration,
    pub check: Duration,
}

impl Cycle<'_> {
    /// What a change at once would be given to read; no model is asked.
    pub fn look(mut self) -> Result<(Context, Times), Failure> {
        let mut times = Times::default();
        let context = self.read(Goal::Edit, &mut times)?;
        Ok((context, times))
    }

    /// Edits that resolve the issue, or carry out an approved plan.
    pub async fn solve(mut self, plan: Option<&str>) -> Result<End<Solution>, Failure> {
        let goal = plan.map_or(Goal::Edit, |plan| Goal::Execute { plan });
        let Engine::Model(llm) = self.engine else { return self.solve_by_rule(goal) };
        let mut times = Times::default();
        let mut context = self.read(goal, &mut times)?;
        // Boxed, so that the futures around it stay small.
        Box::pin(self.choose(llm, &mut context, goal, &mut times)).await?;
        let mut talk = self.begin(llm, &context, goal);
        let bounds = plan.map(Bounds::of_text);
        let measure = |turn| Measure { bounds: bounds.as_ref(), rule: Rule::Any, turn };
        let accepted = self.converse(&mut talk, &mut context, measure, &mut times).await?;
        Ok(self.solved(accepted, context, times))
    }

    /// Asks for edits, and once more where they cannot be used. Where the correction changes files that the plan does not name,
    /// and that the model was not told of yet, it is asked about these as well.
    async fn converse<'m>(
        &mut self,
        talk: &mut Conversation<'_>,
        context: &mut Context,
        measure: impl Fn(Try) -> Measure<'m>,
        times: &mut Times,
    ) -> Result<Accepted<Change>, Failure> {
        let answer = self.ask_and_look(talk, context, times).await?;
        let nothing = Proposed::default();
        let complaint = match self.accept_edits(context, &answer, nothing, measure(Try::First), times) {
            Ok(accepted) => return Ok(accepted),
            Err(complaint) => complaint,
        };
        let (answer, kept) = self.ask_corrected(talk, context, &answer, complaint, times).await?;
        let accepted = self
            .accept_edits(context, &answer, kept, measure(Try::Last), times)
            .map_err(|complaint| talk.failure(&complaint))?;
        let Accepted::Made(mut change) = accepted else { return Ok(accepted) };
        let Some(complaint) = change.untold.take() else { return Ok(Accepted::Made(change)) };
        // There is a change, so whatever comes of the question is no failure.
        Ok(match self.ask_corrected(talk, context, &answer, *complaint, times).await {
            Ok((answer, kept)) => {
                match self.accept_edits(context, &answer, kept, measure(Try::Last), times) {
                    Ok(Accepted::Made(change)) => Accepted::Made(change),
                    Ok(Accepted::Already(_)) | Err(_) => Accepted::Made(change),
                }
            }
            Err(failure) => {
                let what = failure.what;
                (self.progress)(Step::Note(format!(
                    "the model was not asked about files outside of the plan: {what}"
                )));
                Accepted::Made(change)
            }
        })
    }

    fn solved(self, accepted: Accepted<Change>, context: Context, times: Times) -> End<Solution> {
        let account = self.account(context, times);
        match accepted {
            Accepted::Already(proof) => End::Already(Already { proof, account }),
            Accepted::Made(Change { patch, proposed, unplanned, untold: _ }) => {
                let Proposed { title, summary, left_out, .. } = proposed;
                End::Made(Solution { patch, title, summary, left_out, unplanned, account })
            }
        }
    }

    /// A plan for the issue, or the plan so far rewritten with what a person said of it.
    pub async fn plan(mut self, revision: Option<(&str, &str)>) -> Result<End<Planned>, Failure> {
        let goal = revision.map_or(Goal::Plan, |(plan, feedback)| Goal::Revise { plan, feedback });
        let Engine::Model(llm) = self.engine else { return self.plan_by_rule(goal) };
        let mut times = Times::default();
        let mut context = self.read(goal, &mut times)?;
        Box::pin(self.choose(llm, &mut context, goal, &mut times)).await?;
        let mut talk = self.begin(llm, &context, goal);
        let answer = self.ask_and_look(&mut talk, &mut context, &mut times).await?;
        let accepted = match accept_plan(&answer, &context) {
            Ok(accepted) => accepted,
            Err(complaint) => {
                let (answer, _) =
                    self.ask_corrected(&mut talk, &mut context, &answer, complaint, &mut times).await?;
                accept_plan(&answer, &context).map_err(|complaint| talk.failure(&complaint))?
            }
        };
        let account = self.account(context, times);
        Ok(match accepted {
            Accepted::Already(proof) => End::Already(Already { proof, account }),
            Accepted::Made(plan) => End::Made(Planned { plan, account }),
        })
    }

    fn read(&mut self, goal: Goal<'_>, times: &mut Times) -> Result<Context, Failure> {
        (self.progress)(Step::Reading);
        let caps = Caps::default();
        let repo = self.workspace.repo();
        let (started, span) = (Instant::now(), Span::start(&WALK));
        let walk =
            walk::walk(&repo, self.workspace.base().tree, &caps).map_err(|error| not_walked(&error))?;
        times.walk = started.elapsed();
        span.set(&PATHS, walk.entries().len());
        drop(span);
        let (started, span) = (Instant::now(), Span::start(&RANK));
        // What a plan or a person names counts as if the issue had named it.
        let body = match goal {
            Goal::Edit | Goal::Plan => self.issue.body.as_str().to_owned(),
            Goal::Execute { plan } => format!("{}\n\n{plan}", self.issue.body.as_str()),
            Goal::Revise { plan, feedback } => {
                format!("{}\n\n{plan}\n\n{feedback}", self.issue.body.as_str())
            }
            Goal::Repair(Broken { evidence, .. }) => format!("{}\n\n{evidence}", self.issue.body.as_str()),
            Goal::Follow(Follow { said, paths, .. }) => {
                format!("{}\n\n{said}\n\n{paths}", self.issue.body.as_str())
            }
        };
        let query = Query::new(self.issue.title.as_str(), &body);
        let history = History::read(&repo, self.workspace.base().commit);
        let parsers = Parsers::of_this_program();
        let index = Index::build(self.workspace.shared(), &walk, &history, &query, &caps, parsers)
            .map_err(|error| not_indexed(&error))?;
        times.index = started.elapsed();
        let started = Instant::now();
        let of = index.len();
        let budget = pack::Budget::of(self.room());
        let context = pack::pack(&repo, walk, index, query, caps, budget);
        times.pack = started.elapsed();
        span.set(&PATHS, of);
        span.set(&FILES, context.read.len());
        span.set(&CONTEXT_TOKENS, context.spent.total());
        drop(span);
        (self.progress)(Step::Read { files: context.read.len(), of, tokens: context.spent.total() });
        Ok(context)
    }

    /// Tokens for files: what is configured, if the model's window holds as much beside everything else.
    pub fn room(&self) -> u32 {
        let Engine::Model(llm) = self.engine else { return self.context_tokens };
        let taken = llm.max_output_tokens().saturating_add(FRAME_TOKENS);
        let window = llm.context_window().saturating_sub(taken);
        // Half of the window stays free for files that are asked for, and for the correction.
        self.context_tokens.min(window / 2)
    }

    fn account(self, context: Context, times: Times) -> Account {
        let unparsed = context.unparsed();
        let unparsed = unparsed
            .map(|(path, why)| format!("{}: not outlined: {why}.", code_span(path.as_str())))
            .collect();
        let withheld = withheld(&context);
        Account { read: context.read, unparsed, withheld, spent: self.ledger.spent(), times }
    }
}

/// What the model was not shown because it is secret: files by their names, and parts of files by their look. One
/// sentence each.
fn withheld(context: &Context) -> Vec<String> {
    let secret = context.walk.entries().iter().filter(|entry| entry.role == Err(Omission::Secret));
    let mut names: Vec<String> = secret.map(|entry| code_span(entry.path.as_str())).collect();
    let more = names.len().saturating_sub(MAX_WITHHELD);
    names.truncate(MAX_WITHHELD);
    let and_more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let mut notes = Vec::new();
    if !names.is_empty() {
        notes
            .push(format!("Not shown to the model, because of their names: {}{and_more}.", names.join(", ")));
    }
    for (path, file) in context.read.iter() {
        let found = tokens_by_line(&String::from_utf8_lossy(&file.content));
        let Some((line, kind)) = found.first() else { continue };
        let others = if found.len() > 1 { format!(", and {} more", found.len() - 1) } else { String::new() };
        let name = code_span(path.as_str());
        notes.push(format!("{name}: the model was not shown {kind} in line {line}{others}."));
    }
    notes
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
