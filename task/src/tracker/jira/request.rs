//! A *request* on an issue of Jira, as the issue itself tells it: who asked, and when. What a webhook said of that is not
//! relied on.

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

impl Issues {
    /// Who last set the trigger label or assigned the issue to the agent; `None` if it has neither.
    pub async fn asked(&self, details: &Details, trigger: &str) -> Result<Option<Asked>, CallError> {
        let is_labelled = details.issue.labels.iter().any(|label| same_label(label, trigger));
        let is_assigned = details.assignee.as_deref() == Some(self.site.account.as_str());
        if !is_labelled && !is_assigned {
            return Ok(None);
        }
        let asks = |item: &Item| {
            let labels = is_labelled && item.is("labels");
            labels && item.new_labels().any(|label| same_label(label, trigger))
                || is_assigned
                    && item.is("assignee")
                    && item.to.as_deref() == Some(self.site.account.as_str())
        };
        // The agent sets the label where it was assigned: that is not who asked.
        let by_others = |change: &&Change| !change.author.as_ref().is_some_and(|author| self.is_us(author));
        let changes = self.changes(&details.key).await?;
        let change = changes.iter().rev().filter(by_others).find(|change| change.items.iter().any(asks));
        Ok(Some(match change {
            Some(change) => Asked { by: change.author.clone(), at: change.created, change: Some(change.id) },
            None => Asked { by: details.creator.clone(), at: details.issue.created_at, change: None },
        }))
    }
}
