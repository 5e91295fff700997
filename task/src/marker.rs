//! A *marker* is what a comment of ours carries so that a later run knows it: a hidden HTML comment with JSON and a MAC.
//!
//! ```text
//! <!-- ai-agent:status {"task":"…"} 4f0c… -->
//! ```
//!
//! The MAC covers the kind, the repository, the id of the issue or pull request, and the JSON, so that a marker
//! copied elsewhere, by whoever, is none. Comments of other authors are not even looked at.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;
use shared::hex;
use shared::issue::{IssueId, PullRequestNumber};

const START: &str = "<!-- ai-agent:";
const END: &str = " -->";

/// A marker as it stands in a comment. Minted by [`Marks::write`] only, so that its text ends where it seems to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker(String);

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key of the MACs, and where they hold.
pub struct Marks {
    key: SecretString,
    repository: u64,
}

/// What kinds of comment there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Tells how a run is going.
    Status,
    /// Holds a plan.
    Plan,
    /// Answers what reviewers say.
    Answer,
}

/// Where a comment stands.
#[derive(Clone, Copy, Debug)]
pub enum On<'a> {
    Issue(&'a IssueId),
    PullRequest(PullRequestNumber),
}

/// As the MAC covers it. It tells apart what has one number in one repository.
impl fmt::Display for On<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Issue(id) => id.fmt(f),
            Self::PullRequest(number) => number.fmt(f),
        }
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Plan => "plan",
            Self::Answer => "answer",
        }
    }
}

impl Marks {
    /// `repository` is GitHub's number, which survives a renaming.
    pub fn new(key: SecretString, repository: u64) -> Self {
        Self { key, repository }
    }

    /// The marker's text for a comment that stands there.
    pub fn write(&self, kind: Kind, place: On<'_>, content: &impl Serialize) -> Marker {
        let json = serde_json::to_string(content).expect("a marker's content has a JSON form");
        // `--` would end the HTML comment; in JSON a hyphen may be written as an escape.
        let json = json.replace("--", "-\\u002d");
        let mac = hex::text(&self.mac(kind, place, &json).finalize().into_bytes());
        Marker(format!("{START}{} {json} {mac}{END}", kind.name()))
    }

    /// The content of the marker of a comment that stands there, if its MAC is right.
    pub fn read<T: DeserializeOwned>(&self, kind: Kind, place: On<'_>, body: &str) -> Option<T> {
        let start = format!("{START}{} ", kind.name());
        let (_, rest) = body.rsplit_once(&start)?;
        let (marker, _) = rest.split_once(END)?;
        let (json, mac) = marker.rsplit_once(' ')?;
        let mac = hex::parse::<32>(mac)?;
        self.mac(kind, place, json).verify_slice(&mac).ok()?;
        serde_json::from_str(json).ok()
    }

    fn mac(&self, kind: Kind, place: On<'_>, json: &str) -> Hmac<Sha256> {
        let key = self.key.expose_secret().as_bytes();
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.update(format!("{}\n{}\n{place}\n{json}", kind.name(), self.repository).as_bytes());
        mac
    }
}

/// Whether a text holds a marker, be it of another key or of another place.
pub fn is_in(text: &str) -> bool {
    text.contains(START)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn marks(key: &str, repository: u64) -> Marks {
        Marks::new(SecretString::from(key), repository)
    }

    #[test]
    fn a_marker_is_read_where_it_was_written_and_nowhere_else() {
        let content = json!({ "task": "ab--cd-->", "state": "working" });
        let [seven, eight, key] = ["7", "8", "PROJ-7"].map(|id| id.parse::<IssueId>().unwrap());
        let place = On::Issue(&seven);
        let body = format!("Working on it.\n\n{}", marks("k", 1).write(Kind::Status, place, &content));
        assert_eq!(body.matches("-->").count(), 1);
        let read = |marks: &Marks, kind, place, body: &str| marks.read::<Value>(kind, place, body);
        assert_eq!(read(&marks("k", 1), Kind::Status, place, &body), Some(content));
        assert_eq!(read(&marks("K", 1), Kind::Status, place, &body), None);
        assert_eq!(read(&marks("k", 2), Kind::Status, place, &body), None);
        assert_eq!(read(&marks("k", 1), Kind::Plan, place, &body), None);
        assert_eq!(read(&marks("k", 1), Kind::Status, On::Issue(&eight), &body), None);
        assert_eq!(read(&marks("k", 1), Kind::Status, On::Issue(&key), &body), None);
        assert_eq!(read(&marks("k", 1), Kind::Status, place, &body.replace("working", "done")), None);
        assert_eq!(read(&marks("k", 1), Kind::Status, place, "<!-- ai-agent:status {} zz -->"), None);
    }

    /// Markers stand in comments that outlive a release.
    #[test]
    fn a_marker_never_changes() {
        let [seven, key] = ["7", "PROJ-7"].map(|id| id.parse::<IssueId>().unwrap());
        let pull_request = On::PullRequest(seven.number().unwrap().into());
        for (kind, place, mac) in [
            ("status", On::Issue(&seven), "0e7c8093b2fce5667d28212d15b57c945b80c965ea55ddbe53f9548e0b630aad"),
            ("plan", pull_request, "5531185d4e387eaa4ea23d911ac85965b3d1d54281947b66d66e39331e10f726"),
            ("status", On::Issue(&key), "4f3b0b5a054e473eb71d866d59748904c2c5bfe396da371c54a28a7cb9039152"),
        ] {
            let known = if kind == "plan" { Kind::Plan } else { Kind::Status };
            let marker = marks("k", 1).write(known, place, &json!({ "task": "x" }));
            assert_eq!(marker.to_string(), format!("<!-- ai-agent:{kind} {{\"task\":\"x\"}} {mac} -->"));
        }
    }
}
