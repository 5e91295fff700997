//! *Outbound* text is what the world gets to see: a comment, a title, a commit message, a branch, a log line.
//!
//! What a model wrote is not trusted. The [`Gate`] is the only place where an [`Outbound`] is made: secrets are struck
//! out, images go, links lead only to hosts that are allowed, nobody is called by name who did not ask, no issue is
//! closed but the one that is worked on, nothing is written that cannot be seen. Passing the gate twice changes
//! nothing.

mod active;
pub(crate) mod markup;
mod orders;
pub(crate) mod scan;
mod secret;
mod smart_commits;

#[cfg(test)]
mod tests;

use std::fmt;
use std::num::NonZeroU64;

use secrecy::SecretString;
use shared::repo::Repo;

use crate::marker::Marker;
use crate::path::{RepoPath, is_hidden};
use crate::text::visible;
use active::Kind;
use secret::Secrets;
use smart_commits::Reach;

pub(crate) use orders::without_skip_words;
pub use secret::Leak;
pub(crate) use secret::{REDACTED, masked, token_places, tokens_by_line, without_tokens};

/// Longest body of an issue, a pull request or a comment, in characters (GitHub answers 422 "body is too long
/// (maximum is 65536 characters)").
pub const MAX_BODY: usize = 65_536;
/// Longest title of an issue or a pull request, in characters (GitHub answers 422 "title is too long (maximum is 256
/// characters)").
pub const MAX_TITLE: usize = 256;
/// Characters that a marker must leave for the text before it.
const MIN_BODY: usize = 1_000;
/// How often a text is gone over before it is shown as it is written, in a code block.
const MAX_PASSES: usize = 8;

/// The line of a commit message that keeps CI from starting on it. It is this program's own: what a model writes of this
/// kind is taken apart. GitHub looks for the mark anywhere in the message, other systems near its start
/// (<https://docs.github.com/actions/managing-workflow-runs/skipping-workflow-runs>).
pub const HOLD: &str = "[skip ci] The checks start when somebody with write access comments /ci.";

/// Text that has passed the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound(String);

impl Outbound {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A commit message with [`HOLD`] below its first line.
    pub fn holding_checks(&self) -> Self {
        let (title, rest) = self.0.split_once('\n').unwrap_or((&self.0, ""));
        Self(format!("{title}\n\n{HOLD}\n\n{}", rest.trim_start()))
    }
}

impl fmt::Display for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A marker that holds a secret, or leaves no room for a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the marker has a secret in it, or is too long for a comment")]
pub struct BadMarker;

/// See the module's documentation.
#[derive(Debug)]
pub struct Gate {
    secrets: Secrets,
    hosts: Vec<String>,
    own_issue: Option<NonZeroU64>,
    logins: Vec<String>,
    /// The path of the repository on its host, such as `/OWNER/NAME/`, in small letters.
    repository: Option<String>,
}

impl Gate {
    /// `secrets` are struck out wherever they stand, in any usual encoding; `allowed_hosts` are those that links may
    /// lead to; `own_issue` is the one that closing keywords may name.
    pub fn new(secrets: &[SecretString], allowed_hosts: &[String], own_issue: Option<NonZeroU64>) -> Self {
        let hosts = allowed_hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        Self { secrets: Secrets::new(secrets), hosts, own_issue, logins: Vec::new(), repository: None }
    }

    /// Lets this user be mentioned.
    #[must_use]
    pub fn with_mention(mut self, login: &str) -> Self {
        self.logins.push(login.to_ascii_lowercase());
        self
    }

    /// Lets links lead to pages of this repository, by their path on the host.
    #[must_use]
    pub fn with_repository(mut self, repo: &Repo) -> Self {
        self.repository = Some(format!("/{}/{}/", repo.owner(), repo.name()).to_ascii_lowercase());
        self
    }

    /// The body of a comment or of a pull request, in Markdown.
    pub fn body(&self, markdown: &str) -> Outbound {
        Outbound(self.body_of(markdown, MAX_BODY))
    }

    /// A body of at most `room` characters.
    pub fn body_within(&self, markdown: &str, room: usize) -> Outbound {
        Outbound(self.body_of(markdown, room.min(MAX_BODY)))
    }

    /// A body that this program put together from its own words and from parts that have passed: its links, its
    /// details and its closing keyword stay. Secrets are struck out all the same.
    pub fn composed(&self, markdown: &str) -> Outbound {
        let text = self.redact(markdown);
        Outbound(if text.chars().count() <= MAX_BODY { text } else { self.body_of(&text, MAX_BODY) })
    }

    /// The same body with a marker behind it, which is not shown. The marker is this program's own: it is refused, not
    /// changed, if it cannot stand there.
    pub fn marked(&self, body: &Outbound, marker: &Marker) -> Result<Outbound, BadMarker> {
        let tail = format!("\n\n{marker}");
        let room = MAX_BODY.saturating_sub(tail.chars().count());
        if room < MIN_BODY || self.redact(&tail) != tail {
            return Err(BadMarker);
        }
        let body = if body.0.chars().count() <= room { body.0.clone() } else { self.body_of(&body.0, room) };
        Ok(Outbound(body + &tail))
    }

    /// A title: one line, no Markdown.
    pub fn title(&self, text: &str) -> Outbound {
        let line = one_line(&self.plain(&one_line(&visible(text))));
        Outbound(shorten(&line, MAX_TITLE))
    }

    /// A commit message: the text, and trailers that nothing in the text can imitate.
    pub fn commit_message(&self, text: &str, trailers: &[(&str, &str)]) -> Outbound {
        // What is indented at first stands at the start of a line once the text is trimmed.
        let mut message = self.plain(self.plain(text).trim()).trim().to_owned();
        let trailers: Vec<String> = trailers
            .iter()
            .map(|(name, value)| format!("{name}: {}", self.redact(&one_line(&visible(value)))))
            .collect();
        let tail = if trailers.is_empty() { String::new() } else { format!("\n\n{}", trailers.join("\n")) };
        let room = MAX_BODY.saturating_sub(tail.chars().count());
        message = shorten(&message, room);
        Outbound(format!("{}{tail}\n", message.trim_end()))
    }

    /// A text for a log or a terminal: without secrets, otherwise as it is.
    pub fn redact(&self, text: &str) -> String {
        self.secrets.redact(text)
    }

    /// Refuses a file that gains a line with a secret in it, known or by its shape.
    pub fn scan_added_lines(&self, path: &RepoPath, old: &str, new: &str) -> Result<(), Leak> {
        self.secrets.scan(path, old, new)
    }

    fn body_of(&self, markdown: &str, room: usize) -> String {
        let text = markup::closed(self.settle(markdown));
        let total = text.chars().count();
        if total <= room {
            return text;
        }
        let note = |kept: usize| format!("\n\n_(… {} more characters)_\n", total - kept);
        let mut keep = room.saturating_sub(note(0).chars().count());
        let mut step = 1;
        loop {
            // A block of code that is cut open ends where the text ends.
            let start: String = text.chars().take(keep).collect();
            let fence = markup::open_fence(&start).map(|fence| format!("\n{fence}")).unwrap_or_default();
            let start = self.settle(&(start.trim_end().to_owned() + &fence));
            let cut = self.settle(&format!("{}{}", start.trim_end(), note(keep)));
            let excess = cut.chars().count().saturating_sub(room);
            if excess == 0 {
                return cut;
            }
            if keep == 0 {
                return String::new();
            }
            keep = keep.saturating_sub(excess.max(step));
            step *= 2;
        }
    }

    /// Goes over the text until nothing changes.
    fn settle(&self, markdown: &str) -> String {
        let mut text = without_orders(&visible(markdown), Reach::Line);
        for _ in 0..MAX_PASSES {
            let next = markup::tame(&crate::text::shown(&self.redact(&text)), self);
            let next = without_orders(&visible(&next), Reach::Line);
            if next == text {
                return text;
            }
            text = next;
        }
        markup::code_block(&self.redact(&text))
    }

    /// Text that is no Markdown: what GitHub acts on in it is taken apart.
    fn plain(&self, text: &str) -> String {
        let mut text = without_orders(&self.redact(&visible(text)), Reach::Text);
        for _ in 0..MAX_PASSES {
            let next = without_orders(&self.redact(&active::disarm(&text, self)), Reach::Text);
            if next == text {
                break;
            }
            text = next;
        }
        text
    }

    /// Whether the text may do what it does: lead to an allowed host, mention an allowed user, close the own issue.
    fn allows(&self, kind: &Kind<'_>) -> bool {
        match kind {
            Kind::Mention { login } => self.logins.contains(&login.to_ascii_lowercase()),
            Kind::Closing { issue } => issue.is_some() && *issue == self.own_issue,
            // An address or a mention inside another address can come to life of its own.
            Kind::Address { url } => {
                let inside = url.split_once("://").map_or("", |(_, inside)| inside);
                !["://", "www.", "@"].iter().any(|part| inside.contains(part))
                    && url::Url::parse(url).is_ok()
                    && self.allows_target(url)
            }
            Kind::Host | Kind::Mail | Kind::SkipsChecks | Kind::Trailer | Kind::Reference | Kind::Command => {
                false
            }
        }
    }

    /// Whether a link may lead there: an allowed host over http, a place of the same page, or a file or page of the repository.
    /// Another path from the top of the host is none: an address that grants access to an account is one of GitHub's own.
    fn allows_target(&self, target: &str) -> bool {
        match url::Url::parse(target) {
            Ok(url) => {
                matches!(url.scheme(), "http" | "https")
                    && url.username().is_empty()
                    && url.password().is_none()
                    && url.port().is_none()
                    && url.host_str().is_some_and(|host| self.hosts.iter().any(|known| known == host))
            }
            Err(url::ParseError::RelativeUrlWithoutBase) => {
                let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
                let own = self.repository.as_deref().and_then(|own| {
                    let head = path.get(..own.len())?;
                    head.eq_ignore_ascii_case(own).then(|| &path[own.len()..])
                });
                !fragment.contains(is_hidden)
                    && (path.is_empty() && target.starts_with('#') || is_own_path(own.unwrap_or(path)))
            }
            Err(_) => false,
        }
    }
}

/// The text without what is an order wherever it stands, in prose or in code.
fn without_orders(text: &str, reach: Reach) -> String {
    smart_commits::without(&orders::without_stars(text), reach)
}

/// Whether a relative target is the path of a file or folder, as a browser decodes it: it leads to nothing above.
fn is_own_path(target: &str) -> bool {
    let target = target.strip_prefix("./").unwrap_or(target);
    let path = target.strip_suffix('/').unwrap_or(target);
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8();
    !path.contains('?') && decoded.is_ok_and(|path| RepoPath::parse(&path).is_ok())
}

/// The text with single spaces for white space.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most `room` characters, the last one `…` if any were cut.
fn shorten(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}
