//! *Publishing* a proposal: one commit with one file, on a branch of its own, and one draft pull request.
//!
//! The commit is complete before the branch moves to it, in one step and from where it was found, so whoever looks sees a
//! whole proposal or none; what an earlier run left is found and completed.

use super::ask::Stop;
use super::file;
use super::proposal::{Proposal, TITLE};
use crate::call::CallError;
use crate::forge::Forge;
use crate::forge::model::{
    Branch, Commit, Listing, NewPullRequest, PullRequest, PullRequestKind, Stage, TreeContent, TreeEntry,
};
use crate::outbound::Gate;
use crate::outcome::{Failure, Reason};
use crate::repo_config::PATH;

/// The branch of proposals. It is no issue's, so nothing else takes what happens there for work on an issue.
pub(super) const BRANCH: &str = "ai-agent/lessons";
/// Closed pull requests of that branch that are looked at.
const MAX_PAST: usize = 10;
/// Of a file that is not there yet.
const REGULAR: &str = "100644";

/// How the branch stands.
pub(super) enum Standing {
    /// There is none, or nothing that anybody put there.
    Free { head: Option<String> },
    /// Everything on it is ours.
    Ours(Box<Own>),
    /// A person's work is on it; why it is left alone.
    Others(String),
}

/// A branch of ours.
pub(super) struct Own {
    pub(super) head: Commit,
    pub(super) proposal: Proposal,
    pub(super) open: Option<PullRequest>,
    /// Whether there is or was a pull request with this commit.
    pub(super) is_published: bool,
}

impl Standing {
    fn head(&self) -> Option<&str> {
        match self {
            Self::Free { head } => head.as_deref(),
            Self::Ours(own) => Some(&own.head.id),
            Self::Others(_) => None,
        }
    }
}

/// Looks whose the branch is.
pub(super) async fn standing(
    forge: &Forge,
    base: &Branch,
    pulls: &[PullRequest],
) -> Result<Standing, CallError> {
    let open = pulls.iter().find(|pull| pull.stage == Stage::Open);
    if let Some(pull) = open.filter(|pull| !forge.identity().is(pull.by.as_ref())) {
        return Ok(Standing::Others(format!(
            "#{} from the branch `{BRANCH}` is not the agent's",
            pull.number
        )));
    }
    let Some(at) = forge.branch(BRANCH).await? else { return Ok(Standing::Free { head: None }) };
    let compared = forge.compare(&base.commit, &at).await?;
    if compared.ahead == 0 {
        return Ok(Standing::Free { head: Some(at) });
    }
    let is_ours = |commit: &Commit| forge.made(commit) && Proposal::parse(&commit.message).is_some();
    let commits = compared.commits.unwrap_or_default();
    let head = forge.commit(&at).await?;
    let proposal =
        Proposal::parse(&head.message).filter(|_| !commits.is_empty() && commits.iter().all(is_ours));
    let Some(proposal) = proposal else {
        let why = match open {
            Some(pull) => format!("#{} has commits that are not the agent's", pull.number),
            None => format!("the branch `{BRANCH}` has commits that are not the agent's"),
        };
        return Ok(Standing::Others(why));
    };
    let is_published = pulls.iter().any(|pull| pull.head.commit == at);
    Ok(Standing::Ours(Box::new(Own { head, proposal, open: open.cloned(), is_published })))
}

/// What was proposed before in pull requests that are closed, the newest first.
pub(super) async fn past(forge: &Forge, pulls: &[PullRequest]) -> Result<Vec<Proposal>, CallError> {
    let closed =
        pulls.iter().filter(|pull| pull.stage != Stage::Open && forge.identity().is(pull.by.as_ref()));
    let mut proposals = Vec::new();
    for pull in closed.take(MAX_PAST) {
        let Some(talk) = forge.discussion(pull.number).await? else { continue };
        let mut commits = talk.commits.iter().rev();
        let Some(found) = commits.find(|commit| Proposal::parse(&commit.message).is_some()) else { continue };
        match forge.commit(&found.id).await {
            Ok(commit) if forge.made(&commit) => proposals.extend(Proposal::parse(&commit.message)),
            Ok(_) | Err(CallError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(proposals)
}

/// The configuration as the base has it; an empty text if it has none.
pub(super) struct Config {
    mode: String,
    pub(super) text: String,
}

/// Reads it, byte for byte.
pub(super) async fn config(forge: &Forge, files: &Listing) -> Result<Config, Stop> {
    let refuse =
        |what: String| Failure::new(Reason::Repository, what, "Make it a regular text file, or remove it.");
    let Some(file) = files.files.iter().find(|file| file.path == PATH) else {
        if !files.is_whole && forge.repository().config.is_some() {
            return Err(
                refuse(format!("the repository has too many files to find `{PATH}` among them")).into()
            );
        }
        return Ok(Config { mode: REGULAR.to_owned(), text: String::new() });
    };
    if !file.mode.starts_with("100") {
        return Err(refuse(format!("`{PATH}` is a link")).into());
    }
    let content = forge.content_of(file).await?;
    let text = String::from_utf8(content).map_err(|_| refuse(format!("`{PATH}` is not UTF-8")))?;
    Ok(Config { mode: file.mode.clone(), text })
}

/// Where a proposal is put.
pub(super) struct Place<'a> {
    pub(super) forge: &'a Forge,
    pub(super) gate: &'a Gate,
    pub(super) base: &'a Branch,
    pub(super) config: &'a Config,
    pub(super) lag: std::time::Duration,
}

impl Place<'_> {
    /// Puts the proposal onto the branch, in place of what is there of ours, and into the pull request.
    pub(super) async fn propose(&self, proposal: &Proposal, standing: Standing) -> Result<PullRequest, Stop> {
        let new = file::with_rules(&self.config.text, &proposal.rules()).map_err(|error| {
            Failure::of_message(Reason::Repository, &error.to_string(), "Correct the file.")
        })?;
        let commit = self.commit(proposal, &new).await?;
        self.move_to(standing.head(), &commit).await?;
        let open = match standing {
            Standing::Ours(own) => own.open,
            Standing::Free { .. } | Standing::Others(_) => None,
        };
        let Some(open) = open else { return self.open(proposal, &commit).await };
        let title = self.gate.title(TITLE);
        let body = proposal.description(self.gate, self.forge, &self.base.commit);
        self.forge.edit_pull_request(open.number, &title, &body).await?;
        Ok(open)
    }

    /// Makes the commit, which no branch has yet, and makes sure that it changes the one file and nothing else.
    async fn commit(&self, proposal: &Proposal, content: &str) -> Result<String, Stop> {
        let Self { forge, base, config, .. } = self;
        let entry = TreeEntry { path: PATH, mode: &config.mode, content: TreeContent::Text(content) };
        let tree = forge.create_tree(&base.commit, &[entry]).await?;
        let message = proposal.message(self.gate);
        let commit = forge.create_loose_commit(message.as_str(), &tree, &[&base.commit]).await?;
        let compared = forge.compare(&base.commit, &commit.id).await?;
        let is_alone = compared.ahead == 1 && compared.behind == 0;
        if !is_alone || compared.paths.as_deref() != Some(&[PATH.to_owned()]) {
            let what =
                format!("the commit that was made changes something else than `{PATH}`, so it is not used");
            return Err(Failure::new(Reason::Protected, what, "").into());
        }
        Ok(commit.id)
    }

    /// Moves the branch, or makes it, if it is still where it was found.
    async fn move_to(&self, from: Option<&str>, to: &str) -> Result<(), Stop> {
        let forge = self.forge;
        let mut patience = forge.patience();
        loop {
            let moved = match from {
                None => forge.create_branch(BRANCH, to).await,
                Some(from) => forge.reset_branch(BRANCH, from, to).await,
            };
            let Err(error) = moved else { return Ok(()) };
            if error.retry() == crate::call::Retry::Never {
                return Err(error.into());
            }
            tokio::time::sleep(self.lag).await;
            match forge.branch(BRANCH).await? {
                Some(head) if head == to => return Ok(()),
                head if head.as_deref() == from => patience.before_retry(error).await.map_err(not_let)?,
                _ => {
                    let what = format!("the branch `{BRANCH}` was changed meanwhile");
                    return Err(Failure::new(Reason::Branch, what, "Look at it, then run this again.").into());
                }
            }
        }
    }

    /// Opens the draft, and only one.
    pub(super) async fn open(&self, proposal: &Proposal, commit: &str) -> Result<PullRequest, Stop> {
        let forge = self.forge;
        let body = proposal.description(self.gate, forge, &self.base.commit);
        let (mut title, mut kind) = (self.gate.title(TITLE), PullRequestKind::Draft);
        let mut patience = forge.patience();
        loop {
            let new =
                NewPullRequest { title: &title, body: &body, head: BRANCH, base: &self.base.name, kind };
            let error = match forge.create_pull_request(&new).await {
                Ok(pull) => return Ok(pull),
                Err(CallError::Invalid { message, .. })
                    if message.contains("Draft pull requests are not supported")
                        && kind == PullRequestKind::Draft =>
                {
                    kind = PullRequestKind::Ready;
                    title = self.gate.title(&format!("[WIP] {TITLE}"));
                    continue;
                }
                Err(error) => error,
            };
            tokio::time::sleep(self.lag).await;
            if let Some(pull) =
                forge.open_pull_request_of(BRANCH).await?.filter(|pull| pull.head.commit == commit)
            {
                return Ok(pull);
            }
            patience.before_retry(error).await.map_err(not_let)?;
        }
    }
}

/// A rule of the forge stands in the way, or something else does.
fn not_let(error: CallError) -> Stop {
    let CallError::Invalid { message, .. } = error else { return error.into() };
    let what = format!("the proposal cannot be published: {message}");
    Failure::new(
        Reason::Branch,
        what,
        format!("Let the agent write to `{BRANCH}` in the rules for branches."),
    )
    .into()
}
