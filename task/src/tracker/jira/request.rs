//! A *request* on an issue of Jira, as the issue itself tells it: who asked, and when. What a webhook said of that is not
//! relied on.

use std::num::NonZeroU64;

use jiff::Timestamp;
use shared::issue::IssueKey;
use shared::state::same_label;

use super::Issues;
use super::wire::{Change, Item, User};
use crate::call::CallError;
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

/// How an issue asks for work.
#[derive(Clone, Copy)]
struct Asking {
    is_labelled: bool,
    is_assigned: bool,
}

impl Issues {
    /// Who last set the trigger label or assigned the issue to the agent; `None` if it has neither.
    pub async fn asked(&self, details: &Details, trigger: &str) -> Result<Option<Asked>, CallError> {
        let Some(asking) = self.asking(details, trigger) else { return Ok(None) };
        let changes = self.changes(&details.key).await?;
        Ok(Some(self.last(details, asking, &changes, trigger)))
    }

    /// Who asked by this change; without one, by what the issue was created with. `None` if that was taken back since, even
    /// if somebody else asked again: that is a request of its own.
    pub async fn asked_by(
        &self,
        details: &Details,
        trigger: &str,
        change: Option<NonZeroU64>,
    ) -> Result<Option<Asked>, CallError> {
        let Some(asking) = self.asking(details, trigger) else { return Ok(None) };
        let changes = self.changes(&details.key).await?;
        let last = || Ok(Some(self.last(details, asking, &changes, trigger)));
        let (asked, label, assignee, later) = if let Some(id) = change {
            // Otherwise the history does not show it yet, or no more.
            let Some(at) = changes.iter().position(|known| known.id == u64::from(id)) else { return last() };
            let items = &changes[at].items;
            let label = items.iter().any(|item| sets_label(item, trigger));
            let assignee = items.iter().any(|item| self.sets_assignee(item));
            (of_change(&changes[at]), label, assignee, &changes[at + 1..])
        } else {
            let never = |is: &dyn Fn(&Item) -> bool| !changes.iter().flat_map(|change| &change.items).any(is);
            let label = asking.is_labelled && never(&|item| sets_label(item, trigger));
            let assignee = asking.is_assigned && never(&|item| self.sets_assignee(item));
            if !label && !assignee {
                return last();
            }
            let asked = Asked { by: details.creator.clone(), at: details.issue.created_at, change: None };
            (asked, label, assignee, &changes[..])
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

    fn last(&self, details: &Details, asking: Asking, changes: &[Change], trigger: &str) -> Asked {
        let asks = |item: &Item| {
            asking.is_labelled && sets_label(item, trigger) || asking.is_assigned && self.sets_assignee(item)
        };
        // The agent sets the label where it was assigned: that is not who asked.
        let by_others = |change: &&Change| !change.author.as_ref().is_some_and(|author| self.is_us(author));
        let change = changes.iter().rev().filter(by_others).find(|change| change.items.iter().any(asks));
        let by_creation =
            || Asked { by: details.creator.clone(), at: details.issue.created_at, change: None };
        change.map_or_else(by_creation, of_change)
    }

    fn sets_assignee(&self, item: &Item) -> bool {
        item.is("assignee") && item.to.as_deref() == Some(self.site.account.as_str())
    }
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
