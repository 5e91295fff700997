//! A *message* of the queue: a task, or a request of Jira that a run makes a task of.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::{
    jira::{JiraRequest, JiraRequestError},
    queue::ANSWER_PRIORITY,
    repo::HostPolicy,
    task::{DeliveryId, MAX_MESSAGE_BYTES, Task, TaskError, TaskId},
};

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    Task(Box<Task>),
    Jira(Box<JiraRequest>),
}

/// Why a message is neither.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    #[error(transparent)]
    Task(#[from] TaskError),
    #[error(transparent)]
    Jira(#[from] JiraRequestError),
}

#[derive(Deserialize)]
struct Kind {
    jira: Option<IgnoredAny>,
}

impl Message {
    /// Reads a message, of which nothing is believed.
    pub fn parse(message: &[u8], policy: &HostPolicy) -> Result<Self, MessageError> {
        let kind = serde_json::from_slice::<Kind>(
            message.get(..MAX_MESSAGE_BYTES.min(message.len())).unwrap_or_default(),
        );
        match kind {
            Ok(Kind { jira: Some(_) }) => Ok(Self::Jira(Box::new(JiraRequest::parse(message)?))),
            // What is no JSON at all has its words there.
            _ => Ok(Self::Task(Box::new(Task::parse(message, policy)?))),
        }
    }

    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        match self {
            Self::Task(task) => task.to_message(),
            Self::Jira(request) => request.to_message(),
        }
    }

    /// What it asks for, in a word. A request of Jira becomes a task only later, so its own word is told.
    pub fn mode_name(&self) -> &'static str {
        match self {
            Self::Task(task) => task.mode.kind().name(),
            Self::Jira(request) => request.asks.name(),
        }
    }

    pub fn id(&self) -> TaskId {
        match self {
            Self::Task(task) => task.id,
            Self::Jira(request) => request.id,
        }
    }

    /// The `priority` that it is published with: people who wait for an answer to what they decided go before new work.
    pub fn priority(&self) -> Option<u8> {
        let is_answer = match self {
            Self::Task(task) => task.mode.command().is_some(),
            Self::Jira(request) => request.asks.is_answer(),
        };
        is_answer.then_some(ANSWER_PRIORITY)
    }

    pub fn delivery_id(&self) -> Option<&DeliveryId> {
        match self {
            Self::Task(task) => task.delivery_id.as_ref(),
            Self::Jira(request) => request.delivery_id.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_told_from_a_request_of_jira() {
        let policy = HostPolicy::github();
        let parse = |text: &str| Message::parse(text.as_bytes(), &policy);
        let task = r#"{"repo_url":"https://github.com/octo/hello","issue_id":1,"mode":"plan","trigger_user":"dev1"}"#;
        let jira = r#"{"jira":{"site":"acme","issue":"PROJ-1","number":7,"asks":"begin"}}"#;
        assert!(matches!(parse(task), Ok(Message::Task(_))));
        assert!(matches!(parse(jira), Ok(Message::Jira(_))));
        for message in [task, jira] {
            let message = parse(message).unwrap();
            assert_eq!(Message::parse(&message.to_bytes().unwrap(), &policy).unwrap(), message);
        }
        assert!(matches!(parse("{}"), Err(MessageError::Task(TaskError::Json(_)))));
        assert!(matches!(parse(r#"{"jira":{}}"#), Err(MessageError::Jira(_))));
        let priority = |asks: &str| parse(&jira.replace(r#""begin""#, asks)).unwrap().priority();
        assert_eq!(priority(r#""begin""#), None);
        assert_eq!(priority(r#""retry","comment":9"#), None);
        for command in ["approve", "revise", "fix", "ci", "update"] {
            assert_eq!(priority(&format!(r#""{command}","comment":9"#)), Some(ANSWER_PRIORITY), "{command}");
        }
        let long = format!(r#"{{"jira":{{}},"x":"{}"}}"#, "x".repeat(MAX_MESSAGE_BYTES));
        assert!(matches!(parse(&long), Err(MessageError::Task(TaskError::TooLong(_)))));
    }
}
