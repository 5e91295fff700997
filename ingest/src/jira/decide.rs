//! What in a webhook of Jira asks for work, and for which.
//!
//! | event | asks for |
//! |---|---|
//! | issue created with the trigger label or the agent as its assignee; one of the two set later | `begin` |
//! | a command as the first line of a new comment | the same |
//!
//! `/stop` and a label that is taken away publish nothing, as with GitHub: a run looks for both. A comment's webhook does
//! not tell the labels of its issue, so that a command on an issue that nobody asked about is published, and declined by
//! the run. So is one on an issue that is done, where it is not about the pull request: whoever wrote it is told so.

use std::num::NonZeroU64;

use jiff::Timestamp;
use shared::{
    command::Command,
    jira::{AccountId, Asks, JiraOrigin, JiraRequest, SiteName, event_of},
    state::same_label,
    task::DeliveryId,
};

use super::payload::{Account, COMMENTED, CREATED, Change, Heading, Payload, PayloadError, UPDATED};
use crate::trigger::Rules;

/// Why an event asks for nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    #[error("`{0}` asks for nothing")]
    Event(String),
    #[error("neither the label `{0}` nor the agent as assignee is new")]
    OtherChange(String),
    #[error("the issue has neither the label `{0}` nor the agent as assignee")]
    NotAsked(String),
    #[error("the comment holds no command")]
    NoCommand,
    #[error("what runs or waits stops by itself")]
    Stop,
    #[error("the actor is the agent itself")]
    Ourselves,
    #[error("the actor is not a person")]
    NotAPerson,
    #[error("the payload does not say who acted")]
    Nobody,
    #[error("it is done")]
    Done,
}

pub type Decided = Result<Box<JiraRequest>, Ignored>;

/// Decides by the payload alone: the same payload, the same answer.
pub fn decide(
    payload: &[u8],
    site: &SiteName,
    agent: Option<&AccountId>,
    delivery: Option<DeliveryId>,
    rules: &Rules,
) -> Result<Decided, PayloadError> {
    let context = Context { site, agent, delivery, rules };
    Ok(match Heading::parse(payload)? {
        Heading::Other(event) => Err(Ignored::Event(event.into_owned())),
        Heading::Created => context.created(&Payload::parse(CREATED, payload)?),
        Heading::Updated(change) => {
            let (labelled, assigned) = (context.labels(&change), assigns(&change));
            if !labelled && !assigned {
                return Ok(Err(context.other_change()));
            }
            let payload = Payload::parse(UPDATED, payload)?;
            if !labelled && !context.is_assigned(&payload) {
                return Ok(Err(context.other_change()));
            }
            let at = payload.sent_at;
            let event = event_of(payload.issue.created_at, at, change.id.map(u64::from));
            context.begun(&payload, &event, change.id, at)
        }
        Heading::Commented(text) => match Command::parse(&text) {
            None => Err(Ignored::NoCommand),
            Some(command) => context.commanded(&command, &Payload::parse(COMMENTED, payload)?)?,
        },
    })
}

/// Whether a change sets an assignee.
fn assigns(change: &Change<'_>) -> bool {
    change.items.iter().any(|item| item.is("assignee") && item.is_set())
}

struct Context<'a> {
    site: &'a SiteName,
    agent: Option<&'a AccountId>,
    delivery: Option<DeliveryId>,
    rules: &'a Rules,
}

impl Context<'_> {
    fn is_trigger(&self, label: &str) -> bool {
        same_label(label, &self.rules.trigger_label)
    }

    /// Whether a change sets the trigger label.
    fn labels(&self, change: &Change<'_>) -> bool {
        let mut items = change.items.iter().filter(|item| item.is("labels"));
        items.any(|item| item.new_labels().any(|label| self.is_trigger(label)))
    }

    /// Whether the issue is assigned to the agent: a change may tell a name alone.
    fn is_assigned(&self, payload: &Payload<'_>) -> bool {
        let assignee = payload.issue.assignee.as_ref().and_then(Account::id);
        assignee.is_some_and(|assignee| Some(&assignee) == self.agent)
    }

    fn other_change(&self) -> Ignored {
        Ignored::OtherChange(self.rules.trigger_label.clone())
    }

    fn created(&self, payload: &Payload<'_>) -> Decided {
        let labelled = payload.issue.labels.iter().flatten().any(|label| self.is_trigger(label));
        if !labelled && !self.is_assigned(payload) {
            return Err(Ignored::NotAsked(self.rules.trigger_label.clone()));
        }
        let at = payload.issue.created_at;
        self.begun(payload, &event_of(at, None, None), None, at)
    }

    fn begun(
        &self,
        payload: &Payload<'_>,
        event: &str,
        change: Option<NonZeroU64>,
        at: Option<Timestamp>,
    ) -> Decided {
        let account = self.person(payload.actor.as_ref())?;
        if payload.issue.is_done {
            return Err(Ignored::Done);
        }
        let mut request = self.request(payload, Asks::BEGIN, account, event, at);
        request.change = change;
        Ok(request)
    }

    fn commanded(&self, command: &Command<'_>, payload: &Payload<'_>) -> Result<Decided, PayloadError> {
        let missing = PayloadError::Missing { event: COMMENTED, field: "comment" };
        let comment = payload.comment.as_ref().ok_or(missing)?;
        let Some(asks) = Asks::of_command(command, comment.id) else { return Ok(Err(Ignored::Stop)) };
        let account = match self.person(comment.author.as_ref()) {
            Ok(account) => account,
            Err(ignored) => return Ok(Err(ignored)),
        };
        Ok(Ok(self.request(payload, asks, account, "", comment.at)))
    }

    fn request(
        &self,
        payload: &Payload<'_>,
        asks: Asks,
        account: AccountId,
        event: &str,
        at: Option<Timestamp>,
    ) -> Box<JiraRequest> {
        let issue = &payload.issue;
        Box::new(JiraRequest {
            id: JiraOrigin { site: self.site, number: issue.number, asks, event }.id(),
            site: self.site.clone(),
            issue: issue.key.clone(),
            number: issue.number,
            asks,
            change: None,
            account: Some(account),
            triggered_at: at,
            delivery_id: self.delivery.clone(),
        })
    }

    fn person(&self, account: Option<&Account<'_>>) -> Result<AccountId, Ignored> {
        let account = account.ok_or(Ignored::Nobody)?;
        let id = account.id().ok_or(Ignored::Nobody)?;
        if Some(&id) == self.agent {
            return Err(Ignored::Ourselves);
        }
        if !account.is_person() {
            return Err(Ignored::NotAPerson);
        }
        Ok(id)
    }
}

#[cfg(test)]
mod tests;
