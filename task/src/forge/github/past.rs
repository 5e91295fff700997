//! The *past* of a repository: pull requests, comments and reviews of a time, for a report. Nothing but GET is sent, but for
//! what an App has to do to log in.

use std::ops::ControlFlow;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use shared::repo::Repo;

use super::{Credentials, GitHub, Login, Session, path_segment};
use crate::call::CallError;
use crate::forge::model::{PastComment, PastPullRequest, Stage, Unreached, Whole};
use crate::text::Raw;
use crate::thread::User;

/// Pages of 100 that are read of one list: a repository with ten thousand issues has a few hundred of comments.
const MAX_PAGES: u32 = 1_000;

/// See the module's documentation.
pub struct Past {
    github: GitHub,
    /// What an App has to give back.
    session: Option<Session>,
    number: u64,
}

#[derive(Deserialize)]
struct Numbered {
    id: u64,
}

#[derive(Deserialize)]
struct Pull {
    number: u64,
    created_at: Timestamp,
    closed_at: Option<Timestamp>,
    merged_at: Option<Timestamp>,
    body: Option<Raw>,
    head: Side,
    base: Side,
}

#[derive(Deserialize)]
struct Side {
    #[serde(rename = "ref")]
    branch: String,
    /// `null` for a fork that was deleted.
    repo: Option<Numbered>,
}

#[derive(Deserialize)]
struct Comment {
    id: u64,
    body: Option<Raw>,
    user: Option<super::wire::User>,
    /// Ends in the number of the issue or pull request.
    issue_url: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Deserialize)]
struct Review {
    state: String,
}

#[derive(Deserialize)]
struct Listed {
    html_url: String,
    #[serde(default)]
    archived: bool,
}

impl Past {
    pub async fn open(login: &Login<'_>) -> Result<Self, CallError> {
        let (github, session) = match login.credentials {
            Credentials::Token(token) => (GitHub::with_token(login, token.clone())?, None),
            Credentials::App { .. } => {
                let session = Session::open(login).await?;
                (session.github.clone(), Some(session))
            }
        };
        let number = match &session {
            Some(session) => session.repository.id,
            None => github.get::<Numbered>(&github.root()).await?.id,
        };
        Ok(Self { github, session, number })
    }

    /// The past of the repository that a session is at.
    pub(in crate::forge) fn of(session: &Session) -> Self {
        Self { github: session.github.clone(), session: None, number: session.repository.id }
    }

    /// GitHub's number of the repository.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The pull requests of branches of this repository that were opened since then, newest first.
    pub async fn pull_requests(
        &self,
        since: Timestamp,
        mut take: impl FnMut(PastPullRequest),
    ) -> Result<Whole, CallError> {
        let route = self.github.under("pulls?state=all&sort=created&direction=desc");
        let each = |pull: Pull| {
            if pull.created_at < since {
                return ControlFlow::Break(());
            }
            let is_own =
                pull.head.repo.as_ref().map(|repo| repo.id) == pull.base.repo.as_ref().map(|repo| repo.id);
            if is_own {
                take(pull.into());
            }
            ControlFlow::Continue(())
        };
        self.pages(&route, each).await
    }

    /// The comments of all issues and pull requests that were made since then, newest first.
    pub async fn comments(
        &self,
        since: Timestamp,
        mut take: impl FnMut(PastComment),
    ) -> Result<Whole, CallError> {
        // Whole seconds are all that it takes.
        let time = since.strftime("%Y-%m-%dT%H:%M:%SZ");
        let route = self.github.under(&format!("issues/comments?sort=created&direction=desc&since={time}"));
        let each = |comment: Comment| {
            if comment.created_at < since {
                return ControlFlow::Break(());
            }
            let number = comment.issue_url.rsplit('/').next().and_then(|number| number.parse().ok());
            if let (Some(issue), Some(body)) = (number, comment.body) {
                let by = comment.user.map(User::from);
                take(PastComment { id: comment.id, issue, body, by, written_at: comment.updated_at });
            }
            ControlFlow::Continue(())
        };
        self.pages(&route, each).await
    }

    /// How often reviewers asked for changes on a pull request.
    pub async fn review_rounds(&self, pull_request: u64) -> Result<u32, CallError> {
        let mut rounds = 0;
        let route = self.github.under(&format!("pulls/{pull_request}/reviews"));
        let each = |review: Review| {
            rounds += u32::from(review.state == "CHANGES_REQUESTED");
            ControlFlow::Continue(())
        };
        self.pages(&route, each).await?;
        Ok(rounds)
    }

    /// Gives back what was lent.
    pub async fn close(self) -> Result<(), CallError> {
        match self.session {
            Some(session) => session.close().await,
            None => Ok(()),
        }
    }

    async fn pages<T: DeserializeOwned>(
        &self,
        route: &str,
        take: impl FnMut(T) -> ControlFlow<()>,
    ) -> Result<Whole, CallError> {
        pages(&self.github, route, take).await
    }
}

/// The items of a list, until `take` has enough of them.
async fn pages<T: DeserializeOwned>(
    github: &GitHub,
    route: &str,
    mut take: impl FnMut(T) -> ControlFlow<()>,
) -> Result<Whole, CallError> {
    let behind =
        github.pages(route, MAX_PAGES, |page: Vec<T>| page.into_iter().try_for_each(&mut take)).await?;
    Ok(if behind.is_none() { Whole::Yes } else { Whole::No })
}

/// The repositories of an organization that a token sees, archived ones left out, and whether these are all. Of the
/// repository of `login` its owner counts, not its name.
pub(in crate::forge) async fn of_organization(login: &Login<'_>) -> Result<(Vec<Repo>, Whole), CallError> {
    let owner = login.repo.owner();
    let Credentials::Token(token) = login.credentials else {
        let given = super::installed(login).await?;
        let is_owned = |by: &str| by.eq_ignore_ascii_case(owner);
        // Where nobody says whose it is, it may be this organization's.
        let may_be_owned = |found: &Unreached| found.owner.as_deref().is_none_or(is_owned);
        if let Some(unreached) = given.unreached.into_iter().find(may_be_owned) {
            return Err(unreached.error);
        }
        return Ok((given.repos.into_iter().filter(|repo| is_owned(repo.owner())).collect(), Whole::Yes));
    };
    let github = GitHub::with_token(login, token.clone())?;
    let mut addresses = Vec::new();
    let each = |listed: Listed| {
        if !listed.archived {
            addresses.push(listed.html_url);
        }
        ControlFlow::Continue(())
    };
    let whole = pages(&github, &format!("/orgs/{}/repos", path_segment(owner)), each).await?;
    let repositories =
        addresses.iter().filter_map(|address| Repo::parse(address, login.hosts).ok()).collect();
    Ok((repositories, whole))
}

impl From<Pull> for PastPullRequest {
    fn from(pull: Pull) -> Self {
        Self {
            number: pull.number,
            branch: pull.head.branch,
            stage: match (pull.merged_at, pull.closed_at) {
                (Some(_), _) => Stage::Merged,
                (None, Some(_)) => Stage::Closed,
                (None, None) => Stage::Open,
            },
            created_at: pull.created_at,
            body: pull.body.unwrap_or_default(),
        }
    }
}
