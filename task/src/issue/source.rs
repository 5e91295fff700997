//! Where the issue of a command line comes *from*: a file, standard input, or its address on GitHub.

use std::num::NonZeroU64;

use shared::env::Environment;
use shared::env::catalog::AGENT_GITHUB_TOKEN;
use shared::issue::IssueId;
use shared::repo::{HostPolicy, Repo, RepoError};

use super::{Issue, IssueError};
use crate::call::CallError;
use crate::network::Network;
use crate::outcome::{Failure, Reason};
use crate::tracker;
use crate::tracker::model::{Found, IssueKind};

/// What to do about an address that is none of an issue.
const FORM: &str = "Give the address as https://github.com/OWNER/NAME/issues/NUMBER.";

/// The issue that `source` names: an address, a file, or `-` for standard input.
pub async fn read(source: &str, env: &Environment) -> Result<Issue, Failure> {
    if source.starts_with("https://") || source.starts_with("http://") {
        return from_address(source, env).await;
    }
    Issue::read(source).map_err(|error| unusable(&error))
}

fn unusable(error: &IssueError) -> Failure {
    let next = "Give an issue with `--issue FILE`, or `-` for standard input.";
    Failure::of_message(Reason::Usage, &error.to_string(), next)
}

async fn from_address(address: &str, env: &Environment) -> Result<Issue, Failure> {
    let setting = |error: shared::env::SettingError| {
        Failure::new(Reason::Usage, error.to_string(), "Correct the setting and run the command again.")
    };
    let hosts = HostPolicy::from_env(env).map_err(setting)?;
    let token = env.find(&AGENT_GITHUB_TOKEN).map_err(setting)?;
    let network = Network::from_env(env).map_err(setting)?;
    let Address { repo, number } = Address::parse(address, &hosts)?;
    let found = tracker::read_issue(&repo, &IssueId::Number(number), token.as_ref(), &network).await;
    match found.map_err(|error| unread(address, &error))? {
        Found::Here(issue) if issue.kind == IssueKind::PullRequest => {
            Err(Failure::new(Reason::Usage, format!("{address} is a pull request, not an issue"), FORM))
        }
        Found::Here(issue) => {
            Issue::tracked(*issue, &format!("at {address}")).map_err(|error| unusable(&error))
        }
        Found::Elsewhere { url } => {
            let what = format!("{address} was transferred to another repository");
            Err(Failure::new(Reason::Usage, what, format!("Give its new address: {url}")))
        }
    }
}

fn unread(address: &str, error: &CallError) -> Failure {
    let what = format!("the issue {address} cannot be read: {error}");
    match error {
        CallError::NotFound { .. } | CallError::Gone { .. } | CallError::Unauthorized { .. } => {
            let next = "Check the address; for a private repository set AGENT_GITHUB_TOKEN_FILE to the file of a token \
                        that may read its issues.";
            Failure::new(Reason::Usage, what, next)
        }
        CallError::RateLimited { .. } => {
            let next =
                "Wait, or set AGENT_GITHUB_TOKEN_FILE to the file of a token, which has a higher limit.";
            Failure::new(Reason::Unavailable, what, next)
        }
        error if error.is_passing() => {
            Failure::new(Reason::Unavailable, what, "Try again later, or give the issue as a file.")
        }
        _ => Failure::new(Reason::Usage, what, "Give the issue as a file."),
    }
}

/// An issue's page for people.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    repo: Repo,
    number: NonZeroU64,
}

impl Address {
    /// Takes `https://HOST/OWNER/NAME/issues/NUMBER` apart; what the browser adds at the end does not matter.
    fn parse(address: &str, hosts: &HostPolicy) -> Result<Self, Failure> {
        let wrong = |why: &str, next: &str| {
            Failure::new(Reason::Usage, format!("{address} is not the address of an issue: {why}"), next)
        };
        let plain = address.split(['?', '#']).next().unwrap_or(address).trim_end_matches('/');
        let parts =
            plain.rsplit_once("/issues/").and_then(|(repo, number)| Some((repo, number.parse().ok()?)));
        let Some((repo, number)) = parts else {
            return Err(wrong("it does not end in /issues/NUMBER", FORM));
        };
        match Repo::parse(repo, hosts) {
            Ok(repo) => Ok(Self { repo, number }),
            Err(error @ RepoError::Host(_)) => {
                let next = "Set AGENT_GITHUB_HOST to the host of your GitHub Enterprise Server, and AGENT_GITHUB_TOKEN_FILE \
                            to the file of a token of that server.";
                Err(wrong(&error.to_string(), next))
            }
            Err(error) => Err(wrong(&error.to_string(), FORM)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_repository_and_a_number() {
        let github = HostPolicy::github();
        let enterprise = HostPolicy::of("git.example.org").unwrap();
        let read = |address: &str, hosts: &HostPolicy| match Address::parse(address, hosts) {
            Ok(Address { repo, number }) => format!("{} {number}", repo.url()),
            Err(failure) => failure.what.split_once("issue: ").unwrap().1.to_owned(),
        };
        for (address, hosts, expected) in [
            ("https://github.com/octo/hello/issues/7", &github, "https://github.com/octo/hello 7"),
            ("https://github.com/octo/hello/issues/7/", &github, "https://github.com/octo/hello 7"),
            (
                "https://github.com/octo/hello/issues/7#issuecomment-1",
                &github,
                "https://github.com/octo/hello 7",
            ),
            ("https://github.com/octo/hello/issues/7?a=b#c", &github, "https://github.com/octo/hello 7"),
            (
                "https://git.example.org/octo/hello/issues/7",
                &enterprise,
                "https://git.example.org/octo/hello 7",
            ),
            (
                "https://git.example.org/octo/hello/issues/7",
                &github,
                "the repository is on `git.example.org`, which is not the configured host",
            ),
            ("https://github.com/octo/hello/pull/7", &github, "it does not end in /issues/NUMBER"),
            ("https://github.com/octo/hello", &github, "it does not end in /issues/NUMBER"),
            ("https://github.com/octo/hello/issues/0", &github, "it does not end in /issues/NUMBER"),
            ("https://github.com/octo/hello/issues/x", &github, "it does not end in /issues/NUMBER"),
            (
                "https://a:b@github.com/octo/hello/issues/7",
                &github,
                "the repository address holds a user name or password",
            ),
            (
                "http://github.com/octo/hello/issues/7",
                &github,
                "the repository address does not start with `https://`",
            ),
        ] {
            assert_eq!(read(address, hosts), expected, "{address}");
        }
    }
}
