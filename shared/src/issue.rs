//! An *issue id*: what its tracker calls an issue. GitHub counts issues, Jira has keys.
//!
//! ```text
//! 123          the number of an issue, from 1
//! PROJ-123     the key of an issue: the key of its project, a hyphen, a number from 1
//! ```
//!
//! Each id has one spelling, so that two ids are equal if their texts are: no sign, no leading zero, no small letters
//! in a key. The branch of an issue is named after its id, and tells it back.
//!
//! ```text
//! ai-agent/issue-123
//! ai-agent/PROJ-123
//! ```

use std::{fmt, num::NonZeroU64, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::repo::Repo;

/// The namespace of the agent's branches. Nothing outside of it is ever written.
pub const BRANCHES: &str = "ai-agent/";

/// What stands in a branch's name before the number of an issue.
const NUMBERED: &str = "issue-";

/// The longest key of a project in characters: Jira's own limit, unless the administrator of a server raises it.
const MAX_PROJECT: usize = 10;

/// The name of an issue in its tracker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IssueId {
    /// The number of an issue of GitHub. Its pull requests are counted with the same numbers.
    Number(NonZeroU64),
    /// The key of an issue of Jira.
    Key(IssueKey),
}

/// The key of an issue of Jira, such as `PROJ-123`.
///
/// A project's key starts with a capital letter, which capital letters, digits and underscores follow
/// (<https://confluence.atlassian.com/adminjiraserver/changing-the-project-key-format-938847081.html>), 2 to 10
/// characters in all.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IssueKey {
    project: String,
    number: NonZeroU64,
}

/// The number of a pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PullRequestNumber(NonZeroU64);

/// The text is not the id of an issue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the id of an issue: use a number, such as 123, or a key, such as PROJ-123")]
pub struct IssueIdError(String);

impl IssueId {
    /// The number, if the tracker counts its issues.
    pub fn number(&self) -> Option<NonZeroU64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Key(_) => None,
        }
    }

    /// How a text refers to the issue of its own repository or tracker: `#123`, which GitHub links, or `PROJ-123`.
    pub fn reference(&self) -> String {
        match self {
            Self::Number(number) => format!("#{number}"),
            Self::Key(key) => key.to_string(),
        }
    }

    /// How a text refers to the issue from anywhere: `octo/hello#123`, or `PROJ-123`, which names its project itself.
    pub fn reference_from_outside(&self, repo: &Repo) -> String {
        match self {
            Self::Number(number) => format!("{repo}#{number}"),
            Self::Key(key) => key.to_string(),
        }
    }

    /// The agent's branch for the issue.
    pub fn branch(&self) -> String {
        format!("{BRANCHES}{}", self.branch_part())
    }

    /// The part of that name which tells the issue.
    pub fn branch_part(&self) -> String {
        match self {
            Self::Number(number) => format!("{NUMBERED}{number}"),
            Self::Key(key) => key.to_string(),
        }
    }

    /// The issue that a branch of the agent's is for. `None` for the branch of anything else.
    pub fn of_branch(branch: &str) -> Option<Self> {
        let name = branch.strip_prefix(BRANCHES)?;
        match name.strip_prefix(NUMBERED) {
            Some(number) => parse_number(number).map(Self::Number),
            None => IssueKey::parse(name).map(Self::Key),
        }
    }
}

impl FromStr for IssueId {
    type Err = IssueIdError;

    fn from_str(text: &str) -> Result<Self, IssueIdError> {
        let number = parse_number(text).map(Self::Number);
        number.or_else(|| IssueKey::parse(text).map(Self::Key)).ok_or_else(|| IssueIdError(text.to_owned()))
    }
}

impl From<NonZeroU64> for IssueId {
    fn from(number: NonZeroU64) -> Self {
        Self::Number(number)
    }
}

impl fmt::Display for IssueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Key(key) => key.fmt(f),
        }
    }
}

impl IssueKey {
    pub fn parse(text: &str) -> Option<Self> {
        let (project, number) = text.split_once('-')?;
        let fits = (2..=MAX_PROJECT).contains(&project.len())
            && project.starts_with(|c: char| c.is_ascii_uppercase())
            && project.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        let number = parse_number(number).filter(|_| fits)?;
        Some(Self { project: project.to_owned(), number })
    }

    /// The key of the project that the issue belongs to.
    pub fn project(&self) -> &str {
        &self.project
    }
}

impl fmt::Display for IssueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.project, self.number)
    }
}

impl fmt::Debug for IssueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<NonZeroU64> for PullRequestNumber {
    fn from(number: NonZeroU64) -> Self {
        Self(number)
    }
}

impl From<PullRequestNumber> for IssueId {
    fn from(number: PullRequestNumber) -> Self {
        Self::Number(number.0)
    }
}

impl From<PullRequestNumber> for u64 {
    fn from(number: PullRequestNumber) -> Self {
        number.0.get()
    }
}

impl fmt::Display for PullRequestNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Digits only, in the one spelling that a number has: the standard parser would take a sign and leading zeros.
fn parse_number(text: &str) -> Option<NonZeroU64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain)
}

/// A number is written as one, a key as a text.
impl Serialize for IssueId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => number.serialize(serializer),
            Self::Key(key) => serializer.collect_str(key),
        }
    }
}

impl<'de> Deserialize<'de> for IssueId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

/// Reads either form. A number that is written as a text is neither.
struct Reader;

impl de::Visitor<'_> for Reader {
    type Value = IssueId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the number of an issue, from 1, or a key such as \"PROJ-123\"")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<IssueId, E> {
        let wrong = || E::invalid_value(de::Unexpected::Unsigned(number), &self);
        NonZeroU64::new(number).map(IssueId::Number).ok_or_else(wrong)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<IssueId, E> {
        let wrong = || E::invalid_value(de::Unexpected::Str(text), &self);
        IssueKey::parse(text).map(IssueId::Key).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests;
