//! A *thread* is the conversation of an issue or of a pull request: comments, and who wrote them.

use std::fmt;

use jiff::Timestamp;

use shared::issue::IssueId;

use crate::text::Raw;

/// What a service calls an account for good; its login can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountId(String);

impl AccountId {
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The account of somebody who wrote or did something.
#[derive(Clone, Debug)]
pub struct User {
    pub id: AccountId,
    /// The name by which the forge knows the account.
    pub login: String,
    pub kind: UserKind,
}

/// Who is behind an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserKind {
    Person,
    /// A program, or many people at once.
    Other,
}

/// The account that our comments and commits carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub id: AccountId,
    pub login: String,
}

impl Identity {
    /// Whether we are this user.
    pub fn is(&self, user: Option<&User>) -> bool {
        user.is_some_and(|user| user.id == self.id)
    }
}

#[derive(Clone, Debug)]
pub struct Comment {
    /// Ascends from comment to comment of a service.
    pub id: u64,
    pub body: Raw,
    /// `None` for an account that is gone.
    pub by: Option<User>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The issue or pull request that it stands on; `None` where the service does not tell.
    pub on: Option<IssueId>,
}

/// How far back a conversation is read.
#[derive(Clone, Copy, Debug)]
pub struct Since {
    pub at: Timestamp,
    /// The comment that what counts comes after; time tells where it is not known. Ids ascend, and clocks of two machines need
    /// not agree.
    pub comment: Option<u64>,
}

/// A comment, as far as a look for a command among the newest ones needs it.
#[derive(Clone, Debug)]
pub struct Remark {
    pub id: u64,
    pub body: Raw,
    /// The login of the author.
    pub by: Option<String>,
    pub created_at: Timestamp,
}
