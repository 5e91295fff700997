//! A *request* on an issue of Jira, as the issue itself tells it: who asked, and when. What a webhook said of that is not
//! relied on.

use std::num::NonZeroU64;

use jiff::Timestamp;
use shared::issue::IssueKey;
use shared::state::same_label;

use super::Issues;
use super::client::call;
use super::wire::{Change, Item, User};
use crate::call::CallError;
use crate::thread::Comment;
use crate::tracker::model::Issue;

/// An issue with what only Jira has.
pub struct Details {
    pub issue: Issue,
    pub key: IssueKey,
    /// Jira's own number, which stays when the issue moves.
    pub number: u64,
    pub components: Vec<String>,
    pub creator: Option<User>,
    /// The account that it is assigned to.
    pub assignee: Option<String>,
}

/// Who asked by a label or an assignee, and when.
pub struct Asked {
    /// `None` for an account that is gone.
    pub by: Option<User>,
    pub at: Timestamp,
    /// The number of the change in the history; `None` for what was set with the issue.
    pub change: Option<u64>,
}

/// A comment with a command.
pub struct Written {
    pub comment: Comment,
    pub by: Option<User>,
    /// Whether everybody may read it who may read the issue.
    pub is_public: bool,
}

/// How an issue asks for work.
#[derive(Clone, Copy)]
struct Asking {
    is_labelled: bool,
    is_assigned: bool,
}

impl Issues {
    /// Whether the issue has the trigger label or is assigned to the agent, whoever did that.
    pub fn asks(&self, details: &Details, trigger: &str) -> bool {
        self.asking(details, trigger).is_some()
    }

    /// Who last set the trigger label or assigned the issue to the agent; `None` if nobody did whose request stands.
    pub async fn asked(&self, details: &Details, trigger: &str) -> Result<Option<Asked>, CallError> {
        let Some(asking) = self.asking(details, trigger) else { return Ok(None) };
        let changes = self.changes(&details.key).await?;
        Ok(self.last(details, asking, &changes, trigger))
    }

    /// Who asked by this change, which the history may not show yet; without one, by what the issue was created with. `None` if
    /// that was taken back since, even if somebody else asked again: that is a request of its own.
    pub async fn asked_by(
        &self,
        details: &Details,
        trigger: &str,
        change: Option<NonZeroU64>,
    ) -> Result<Option<Asked>, CallError> {
        let Some(asking) = self.asking(details, trigger) else { return Ok(None) };
        let changes = self.changes(&details.key).await?;
        let (asked, label, assignee, later) = if let Some(id) = change {
            // Who asked before it is somebody else, with a message of his own.
            let Some(at) = changes.iter().position(|known| known.id == u64::from(id)) else {
                let message = format!("the history of {} does not show the change {id}", details.key);
                return Err(CallError::NotYet { call: call("the request"), message });
            };
            let items = &changes[at].items;
            let label = items.iter().any(|item| sets_label(item, trigger));
            let assignee = items.iter().any(|item| self.sets_assignee(item));
            (of_change(&changes[at]), label, assignee, &changes[at + 1..])
        } else {
            let never = |is: &dyn Fn(&Item) -> bool| !changes.iter().flat_map(|change| &change.items).any(is);
            let label = asking.is_labelled && never(&|item| sets_label(item, trigger));
            let assignee = asking.is_assigned && never(&|item| self.sets_assignee(item));
            if !label && !assignee {
                return Ok(self.last(details, asking, &changes, trigger));
            }
            (by_creation(details), label, assignee, &changes[..])
        };
        let is_kept = |is: &dyn Fn(&Item) -> bool| !later.iter().flat_map(|change| &change.items).any(is);
        let label = label && asking.is_labelled && is_kept(&|item| takes_label(item, trigger));
        let assignee = assignee && asking.is_assigned && is_kept(&|item| item.is("assignee"));
        Ok((label || assignee).then_some(asked))
    }

    fn asking(&self, details: &Details, trigger: &str) -> Option<Asking> {
        let is_labelled = details.issue.labels.iter().any(|label| same_label(label, trigger));
        let is_assigned = details.assignee.as_deref() == Some(self.site.account.as_str());
        (is_labelled || is_assigned).then_some(Asking { is_labelled, is_assigned })
    }

    /// A change counts as long as no later one took back what it set. The issue's creation counts for what no change ever set,
    /// not even one of ours: what the agent set is no request of the creator's.
    fn last(&self, details: &Details, asking: Asking, changes: &[Change], trigger: &str) -> Option<Asked> {
        let Asking { is_labelled: mut label, is_assigned: mut assignee } = asking;
        let (mut label_by_creation, mut assignee_by_creation) = (label, assignee);
        for change in changes.iter().rev() {
            let has = |is: &dyn Fn(&Item) -> bool| change.items.iter().any(is);
            let sets_label = has(&|item| sets_label(item, trigger));
            let sets_assignee = has(&|item| self.sets_assignee(item));
            // The agent sets the label where it was assigned: that is not who asked.
            let is_ours = change.author.as_ref().is_some_and(|author| self.is_us(author));
            if !is_ours && (label && sets_label || assignee && sets_assignee) {
                return Some(of_change(change));
            }
            label &= !has(&|item| takes_label(item, trigger));
            assignee &= !has(&|item| item.is("assignee"));
            label_by_creation &= label && !sets_label;
            assignee_by_creation &= assignee && !sets_assignee;
        }
        (label_by_creation || assignee_by_creation).then(|| by_creation(details))
    }

    fn sets_assignee(&self, item: &Item) -> bool {
        item.is("assignee") && item.to.as_deref() == Some(self.site.account.as_str())
    }
}

fn by_creation(details: &Details) -> Asked {
    Asked { by: details.creator.clone(), at: details.issue.created_at, change: None }
}

fn of_change(change: &Change) -> Asked {
    Asked { by: change.author.clone(), at: change.created, change: Some(change.id) }
}

fn sets_label(item: &Item, trigger: &str) -> bool {
    item.is("labels") && item.new_labels().any(|label| same_label(label, trigger))
}

fn takes_label(item: &Item, trigger: &str) -> bool {
    item.is("labels") && item.lost_labels().any(|label| same_label(label, trigger))
}
