//! `ai-agent learn`: rules for a repository's instructions, from what became of the agent's pull requests there.
//!
//! They are proposed in a draft pull request that changes `.github/ai-agent.toml` and nothing else. What a person does not
//! merge is in force nowhere: there is no other memory. The pull requests of before are what tells a later run what was
//! proposed already, and from what.

mod ask;
mod file;
mod material;
mod proposal;
mod publish;
mod read;
mod rules;
mod told;

use std::collections::{BTreeSet, HashMap};

use clap::Args;
use jiff::Timestamp;
use shared::env::Environment;
use shared::env::catalog::{self, AGENT_LEARN_REPOSITORIES, Group};
use shared::repo::Repo;

pub use told::{Learned, Of, Outcome};

use crate::bill::Bill;
use crate::call::CallError;
use crate::config::Config;
use crate::forge::Forge;
use crate::forge::model::{Listing, PullRequest};
use crate::lease::Lease;
use crate::llm::{Llm, Usd};
use crate::marker::Marks;
use crate::outbound::Gate;
use crate::outcome::{Failure, Reason};
use crate::progress::Step;
use crate::repo_config::{PATH, RepoConfig};
use crate::results;
use crate::run::ledger;
use crate::run::settings::{RunSettings, Terms, terms};
use ask::{Asked, Question, Refused, Stop};
use file::FileError;
use material::Material;
use proposal::Proposal;
use publish::{Own, Place, Standing};
use rules::{Known, Lesson};

/// What [`learn`] reads in addition to what a run does.
pub const READS: &[&Group] =
    &[&catalog::BROKER, &catalog::BROKER_WAIT, &catalog::CALLS_AT_ONCE, &catalog::LEARN];

/// What stands in the place of a task's mode where costs are told.
const MODE: &str = "learn";
/// Texts that there have to be, so that a rule can be cited from two.
const LEAST_TEXTS: usize = 2;
/// Characters that the instructions must have room for, or the model is not asked.
const LEAST_ROOM: usize = 100;
/// Part of the model's window that the material may take.
const WINDOW_PART: u32 = 2;

/// Propose rules for the agent's instructions, from what became of its pull requests.
///
/// Reads what people with write access said of the agent's pull requests, what they changed before merging, and why runs
/// failed. One call to the model proposes at most five rules, each cited twice; they become one draft pull request that
/// changes `.github/ai-agent.toml` alone. Nothing is in force that a person did not merge.
#[derive(Args, Debug)]
pub struct LearnArgs {
    /// A repository, as OWNER/NAME or by its address; may be given several times [default: `AGENT_LEARN_REPOSITORIES`]
    #[arg(long, value_name = "REPOSITORY")]
    repo: Vec<String>,
    /// Where the time begins: a date such as 2026-09-01, or how long ago, such as 30d or 12weeks.
    #[arg(long, value_name = "WHEN", default_value = "90d")]
    since: String,
    /// Closed pull requests that there have to be.
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    at_least: usize,
    /// Ask the model, show the rules, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print what came of it as JSON, see docs/learn.schema.json.
    #[arg(long)]
    pub json: bool,
    /// `anthropic`, `openai` or `ollama`; a model may follow [default: `AGENT_MODEL`, which is required]
    #[arg(long, value_name = "PROVIDER[:MODEL]")]
    pub model: Option<String>,
}

/// What every part works with.
struct Learner<'a> {
    config: &'a Config,
    settings: &'a RunSettings,
    args: &'a LearnArgs,
    since: Timestamp,
    lease: &'a Lease,
    progress: &'a mut (dyn FnMut(Step) + Send),
}

/// Learns from each of the repositories; one that fails is told, and the others go on.
pub async fn learn(
    config: &Config,
    settings: &RunSettings,
    args: &LearnArgs,
    env: &Environment,
    lease: &Lease,
    progress: &mut (dyn FnMut(Step) + Send),
) -> Result<Learned, Failure> {
    let usage = |error: String| Failure::new(Reason::Usage, error, "Correct it and run the command again.");
    let since = results::since(&args.since, Timestamp::now())
        .ok_or_else(|| usage(results::not_a_time(&args.since)))?;
    let named = match args.repo.as_slice() {
        [] => {
            env.find(&AGENT_LEARN_REPOSITORIES).map_err(|error| usage(error.to_string()))?.unwrap_or_default()
        }
        given => given.to_vec(),
    };
    let repos =
        named.iter().map(|name| results::repository(name, settings)).collect::<Result<Vec<_>, _>>()?;
    if repos.is_empty() {
        return Err(usage("no repository is named: give --repo, or set AGENT_LEARN_REPOSITORIES".to_owned()));
    }
    let mut learner = Learner { config, settings, args, since, lease, progress };
    let mut repositories = Vec::new();
    for repo in &repos {
        repositories.push(Box::pin(learner.repository(repo)).await);
        if lease.check().await.is_err() {
            break;
        }
    }
    let all = Learned { outcome: "learned", repositories };
    match all.failure() {
        Some(failure) if repos.len() == 1 => Err(failure.clone()),
        _ => Ok(all),
    }
}

fn failed(repo: &Repo, stop: Stop) -> Of {
    let failure = match stop {
        Stop::Failure(failure) => failure,
        Stop::Call(error) => {
            let reason = if error.is_passing() { Reason::Unavailable } else { Reason::Repository };
            Failure::new(
                reason,
                format!("{repo}: {error}"),
                "Check the repository, and what the credentials may do there.",
            )
        }
    };
    Of {
        why: Some(failure.what.clone()),
        failure: Some(failure),
        ..Of::new(repo.to_string(), Outcome::Failed)
    }
}

impl Learner<'_> {
    async fn repository(&mut self, repo: &Repo) -> Of {
        (self.progress)(Step::Note(format!("repository {repo}")));
        let forge = match Forge::open(&self.settings.login(repo, self.lease)).await {
            Ok(forge) => forge,
            Err(error) => return failed(repo, error.into()),
        };
        let mut of = Of::new(forge.repo().to_string(), Outcome::Nothing);
        let lease = self.lease;
        let opened = tokio::select! {
            opened = self.opened(&forge, &mut of) => opened,
            lost = lease.lost() => Err(Stop::Call(lost.into())),
        };
        if let Err(stop) = opened {
            let Of { failure, why, .. } = failed(repo, stop);
            let failure = failure.map(|failure| failure.billed(of.bill.clone()));
            of = Of { failure, why, result: Outcome::Failed, ..of };
        }
        if let Err(error) = forge.close().await {
            tracing::warn!(%error, "the installation token could not be revoked; it expires within the hour");
        }
        of
    }

    async fn opened(&mut self, forge: &Forge, of: &mut Of) -> Result<(), Stop> {
        let repository = forge.repository();
        let refuse =
            |what: &str| Failure::new(Reason::Repository, format!("{}: {what}", repository.name), "");
        if repository.is_archived {
            return Err(refuse("the repository is archived").into());
        }
        let base = repository.default_branch.clone().ok_or_else(|| refuse("the repository is empty"))?;
        let own = RepoConfig::of(repository.config.as_ref()).map_err(|error| {
            Failure::new(
                Reason::Repository,
                format!("{}: {error}", repository.name),
                "Correct the file on the default branch.",
            )
        })?;
        let terms = terms(self.config, self.settings, own)?;
        let llm = terms.engine.model().ok_or_else(no_model)?;
        let gate = self.gate(forge);
        let pulls = forge.pull_requests_of(publish::BRANCH).await?;
        let standing = publish::standing(forge, &base, &pulls).await?;
        if let Standing::Others(why) = standing {
            (of.result, of.why) = (Outcome::LeftAlone, Some(why));
            return Ok(());
        }
        let material = self.material(forge, &gate, &terms, llm).await?;
        (of.pull_requests, of.texts) = (material.pulls, material.texts.len());
        if let Some(why) = self.too_little(&material, &terms.repo) {
            of.why = Some(why);
            return Ok(());
        }
        let past = publish::past(forge, &pulls).await?;
        let files = forge.files_of(&base.commit).await?;
        let config = publish::config(forge, &files).await?;
        let lag = self.settings.lag();
        let scene = Scene {
            place: Place { forge, gate: &gate, base: &base, config: &config, lag },
            files: &files,
            terms: &terms,
        };
        if Self::is_known(&material, &past, &standing) {
            return self.unchanged(&scene, standing, of).await;
        }
        let asked = self.ask(&scene, llm, &material, &past, of).await?;
        (of.rules, of.refused) = (asked.lessons, asked.refused);
        scene.leave_out_what_has_no_room(of);
        if of.rules.is_empty() {
            let why = asked.why.unwrap_or_else(|| "the model proposed no rule that can be used".to_owned());
            of.why = Some(gate.title(&why).as_str().to_owned());
            return Ok(());
        }
        let proposal = Proposal {
            lessons: of.rules.clone(),
            digest: material.digest(),
            source: material.described(),
            bill: of.bill.as_ref().map(ToString::to_string).unwrap_or_default(),
        };
        self.publish(&scene, &proposal, standing, of).await
    }

    fn gate(&self, forge: &Forge) -> Gate {
        let mut secrets = self.config.secrets();
        secrets.extend(self.settings.secrets());
        secrets.extend(self.settings.jira_secrets());
        secrets.push(forge.token().clone());
        Gate::new(&secrets, &[], None).with_repository(forge.repo())
    }

    async fn material(
        &mut self,
        forge: &Forge,
        gate: &Gate,
        terms: &Terms<'_>,
        llm: &Llm,
    ) -> Result<Material, CallError> {
        let marks = Marks::new(self.settings.marker_key.clone(), forge.repository().id);
        let read = read::read(forge, &marks, gate, self.since).await?;
        let room =
            self.config.context_tokens(terms.engine, &terms.ceiling).min(llm.context_window() / WINDOW_PART);
        let material = Material::of(read.texts, read.pulls, room);
        (self.progress)(Step::Note(material.described()));
        Ok(material)
    }

    /// Why the model is not asked, if it is not.
    fn too_little(&self, material: &Material, own: &RepoConfig) -> Option<String> {
        let (pulls, least) = (material.pulls, self.args.at_least);
        if pulls < least {
            return Some(format!("{pulls} of the agent's pull requests are closed, and {least} have to be"));
        }
        if material.texts.len() < LEAST_TEXTS {
            return Some("nobody with write access said or changed anything".to_owned());
        }
        let has = own.instructions.as_deref().unwrap_or_default().chars().count();
        (has + LEAST_ROOM > file::MAX_INSTRUCTIONS).then(|| {
            format!(
                "the instructions in `{PATH}` have {has} of {} characters: shorten them",
                file::MAX_INSTRUCTIONS
            )
        })
    }

    /// Whether the newest proposal was made from this material.
    fn is_known(material: &Material, past: &[Proposal], standing: &Standing) -> bool {
        let newest = match standing {
            Standing::Ours(own) => Some(&own.proposal),
            Standing::Free { .. } | Standing::Others(_) => past.first(),
        };
        newest.is_some_and(|proposal| proposal.digest == material.digest())
    }

    /// Nothing was said since: what an earlier run did not get to is done, without the model.
    async fn unchanged(&mut self, scene: &Scene<'_>, standing: Standing, of: &mut Of) -> Result<(), Stop> {
        (of.result, of.why) =
            (Outcome::Unchanged, Some("nothing was said or done since the last proposal".to_owned()));
        let Standing::Ours(own) = standing else { return Ok(()) };
        let Own { head, proposal, open, is_published } = *own;
        of.rules.clone_from(&proposal.lessons);
        let forge = scene.place.forge;
        if let Some(open) = &open {
            of.pull_request = Some(scene.page(open));
        }
        if self.args.dry_run {
            return Ok(());
        }
        match open {
            None if is_published => {}
            None => {
                let pull = scene.place.open(&proposal, &head.id).await?;
                (of.result, of.why, of.pull_request) = (Outcome::Completed, None, Some(scene.page(&pull)));
            }
            Some(open) => {
                let Some(parent) = head.parents.first() else { return Ok(()) };
                let compared = forge.compare(parent, &scene.place.base.commit).await?;
                let is_same = compared.paths.is_some_and(|paths| paths.iter().all(|path| path != PATH));
                if is_same {
                    return Ok(());
                }
                // The file that it changes has changed, and somebody may have put a rule there by hand.
                let instructions = scene.instructions();
                let is_new =
                    |lesson: &Lesson| !instructions.lines().any(|line| rules::is_same(line, &lesson.rule));
                let lessons: Vec<_> =
                    proposal.lessons.iter().filter(|lesson| is_new(lesson)).cloned().collect();
                if lessons.is_empty() {
                    return Ok(());
                }
                let renewed = Proposal { lessons, ..proposal.clone() };
                let own = Own { head, proposal, open: Some(open), is_published };
                let standing = Standing::Ours(Box::new(own));
                let pull = scene.place.propose(&renewed, standing).await?;
                (of.result, of.why, of.pull_request) = (Outcome::Updated, None, Some(scene.page(&pull)));
            }
        }
        Ok(())
    }

    async fn ask(
        &mut self,
        scene: &Scene<'_>,
        llm: &Llm,
        material: &Material,
        past: &[Proposal],
        of: &mut Of,
    ) -> Result<Asked, Stop> {
        let Scene { place, files, terms, .. } = scene;
        let instructions = scene.instructions();
        // What was merged and is there no longer, somebody took out.
        let gone = |rule: &&str| !instructions.lines().any(|line| rules::is_same(line, rule));
        let declined: Vec<String> =
            past.iter().flat_map(Proposal::rules).filter(gone).map(str::to_owned).collect();
        let paths: BTreeSet<String> = files.files.iter().map(|file| file.path.clone()).collect();
        let mut known = Known {
            material,
            gate: place.gate,
            instructions,
            declined: &declined,
            files: &paths,
            lines: HashMap::new(),
        };
        let language = terms.repo.language.as_deref();
        let question = Question { material, instructions, declined: &declined, language };
        let forge = place.forge;
        let mut ledger = ledger(self.lease, forge, terms);
        let asked =
            ask::ask(llm, &mut ledger, &question, &mut known, forge, files, &mut *self.progress).await;
        of.bill = Bill::if_asked(terms.engine, ledger.spent());
        if let Some(bill) = &of.bill {
            bill.measure(MODE, Usd::ZERO);
        }
        asked
    }

    async fn publish(
        &mut self,
        scene: &Scene<'_>,
        proposal: &Proposal,
        standing: Standing,
        of: &mut Of,
    ) -> Result<(), Stop> {
        if self.args.dry_run {
            of.result = Outcome::Found;
            return Ok(());
        }
        (self.progress)(Step::Committing);
        let is_update = matches!(&standing, Standing::Ours(own) if own.open.is_some());
        let pull = scene.place.propose(proposal, standing).await?;
        of.result = if is_update { Outcome::Updated } else { Outcome::Proposed };
        of.pull_request = Some(scene.page(&pull));
        Ok(())
    }
}

/// One repository, as it was found.
struct Scene<'a> {
    place: Place<'a>,
    files: &'a Listing,
    terms: &'a Terms<'a>,
}

impl Scene<'_> {
    fn instructions(&self) -> &str {
        self.terms.repo.instructions.as_deref().unwrap_or_default()
    }

    /// The last rules go first.
    fn leave_out_what_has_no_room(&self, of: &mut Of) {
        let has_room = |rules: &[Lesson]| {
            let rules: Vec<&str> = rules.iter().map(|lesson| lesson.rule.as_str()).collect();
            !matches!(file::with_rules(&self.place.config.text, &rules), Err(FileError::Full(_)))
        };
        while !has_room(&of.rules)
            && let Some(Lesson { rule, .. }) = of.rules.pop()
        {
            of.refused.push(Refused { rule, why: "the instructions have no room for it".to_owned() });
        }
    }

    fn page(&self, pull: &PullRequest) -> String {
        format!("{}/pull/{}", self.place.forge.repo().url(), pull.number)
    }
}

fn no_model() -> Failure {
    let what = "rules are proposed by a model, and the rule-based engine is none";
    Failure::new(Reason::Usage, what, "Set AGENT_MODEL, or give --model.")
}
