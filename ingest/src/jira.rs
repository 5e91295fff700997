//! What *webhooks of Jira* ask for, and whose they are; `webhook/jira.rs` takes them.
//!
//! Webhooks of the admin console do not say which site sent them, so each site has a name of its own in the address, and
//! secrets of its own. Jira signs like GitHub, in another header: `X-Hub-Signature: sha256=…`
//! (<https://developer.atlassian.com/cloud/jira/platform/webhooks/#secure-admin-webhooks>).
//!
//! Nothing here knows which repository a project belongs to, or who a person is on GitHub. Whatever asks is published;
//! the run looks it up.

mod decide;
mod payload;
mod sites;

pub use decide::{Decided, Ignored, decide};
pub use payload::PayloadError;
pub use sites::Sites;

/// The path, without the name of the site.
pub(crate) const PREFIX: &str = "/webhook/jira/";

/// Why a webhook of Jira is not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JiraError {
    #[error("no site of this name is configured")]
    NoSite,
    #[error("the request has no signature in X-Hub-Signature: set a secret for the webhook in Jira")]
    NoSignature,
    #[error("the content type is not application/json")]
    ContentType,
    #[error(transparent)]
    Payload(#[from] payload::PayloadError),
}
