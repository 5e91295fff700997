//! An *issue* is what a person wrote: a number, a title and a text, cleaned of what a reader cannot see.
//!
//! On one machine it comes from a file: Markdown whose first line is the title, or the JSON that
//! `gh issue view N --json number,title,body,comments` prints; or from its address.

pub mod source;

use std::io::Read as _;
use std::num::NonZeroU64;
use std::path::Path;

use serde::Deserialize;
use shared::hex;
use shared::issue::IssueId;

use crate::outbound;
use crate::text::{Clean, Raw};
use crate::tracker::model;

/// The largest issue file, in bytes. GitHub's own limit for a body is 65,536 characters; comments add to it.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Characters of a title that are kept; GitHub allows 256.
pub const MAX_TITLE_CHARS: usize = 256;
/// Characters of body and comments together that are kept.
pub const MAX_BODY_CHARS: usize = 65_536;
/// Characters of the branch name's part for an issue without a number.
const MAX_SLUG_CHARS: usize = 40;

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Issue {
    /// What its tracker calls it; a local issue need not have a name.
    pub id: Option<IssueId>,
    pub title: Clean,
    pub body: Clean,
}

/// Why an issue cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    #[error("the issue {name} cannot be read: {source}")]
    Unreadable { name: String, source: std::io::Error },
    #[error(
        "the issue {name} is larger than 1 MiB; keep the parts that matter (the end of a log, one stack trace)"
    )]
    TooLarge { name: String },
    #[error("the issue {name} is not UTF-8 text; save it as UTF-8")]
    NotUtf8 { name: String },
    #[error("the issue {name} is empty; write what should change, the first line is its title")]
    Empty { name: String },
    #[error(
        "the issue {name} has no visible text: what it holds is hidden from readers, so it is not shown to a model; \
         write what should change in plain text"
    )]
    Invisible { name: String },
    #[error(
        "the issue {name} looks like JSON but is not an issue: {source}; expected the fields number, title, body"
    )]
    NotAnIssue { name: String, source: serde_json::Error },
}

/// What `gh issue view --json` and GitHub's REST API agree on.
#[derive(Deserialize)]
struct Json {
    number: Option<IssueId>,
    title: String,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    comments: Comments,
}

/// `gh` prints the comments; the REST API prints how many there are.
#[derive(Deserialize)]
#[serde(untagged)]
enum Comments {
    Listed(Vec<Comment>),
    Counted(#[allow(dead_code, reason = "only its shape is of interest")] u64),
}

impl Default for Comments {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

#[derive(Deserialize)]
struct Comment {
    body: String,
}

impl Issue {
    /// An issue as its tracker has it; `name` is for messages.
    fn tracked(issue: model::Issue, name: &str) -> Result<Self, IssueError> {
        let issue = Self {
            id: Some(issue.id),
            title: issue.title.clean(MAX_TITLE_CHARS),
            body: issue.body.clean(MAX_BODY_CHARS),
        };
        issue.visible(name)
    }

    /// An issue of which title and text are known.
    pub(crate) fn of_text(id: Option<IssueId>, title: String, body: String) -> Self {
        let (title, body) = (Raw::new(title).clean(MAX_TITLE_CHARS), Raw::new(body).clean(MAX_BODY_CHARS));
        Self { id, title, body }
    }

    /// The issue, unless a reader sees nothing of it.
    fn visible(self, name: &str) -> Result<Self, IssueError> {
        if self.title.as_str().trim().is_empty() && self.body.as_str().trim().is_empty() {
            return Err(IssueError::Invisible { name: name.to_owned() });
        }
        Ok(self)
    }

    /// Reads `source`: a file, or standard input for `-`.
    fn read(source: &str) -> Result<Self, IssueError> {
        let name = if source == "-" { "on standard input".to_owned() } else { format!("in {source}") };
        let unreadable = |source| IssueError::Unreadable { name: name.clone(), source };
        let mut bytes = Vec::new();
        if source == "-" {
            std::io::stdin().lock().take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        } else {
            let file = std::fs::File::open(Path::new(source)).map_err(unreadable)?;
            file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        }
        Self::parse(bytes, &name)
    }

    fn parse(bytes: Vec<u8>, name: &str) -> Result<Self, IssueError> {
        let name = name.to_owned();
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(IssueError::TooLarge { name });
        }
        let Ok(text) = String::from_utf8(bytes) else { return Err(IssueError::NotUtf8 { name }) };
        let text = text.trim_start_matches('\u{feff}');
        if text.trim().is_empty() {
            return Err(IssueError::Empty { name });
        }
        let issue = if text.trim_start().starts_with('{') {
            from_json(text).map_err(|source| IssueError::NotAnIssue { name: name.clone(), source })?
        } else {
            from_markdown(text)
        };
        issue.visible(&name)
    }

    /// The last part of the branch's name: `issue-7`, or a slug of the title where there is no number.
    pub fn branch_part(&self) -> String {
        match &self.id {
            Some(id) => id.branch_part(),
            None => slug(self.title.as_str()),
        }
    }

    /// Hash of what a plan was made from: SHA-256 over title and body, in hexadecimal.
    pub fn digest(&self) -> String {
        use sha2::{Digest as _, Sha256};
        let mut hash = Sha256::new();
        hash.update(self.title.as_str().as_bytes());
        hash.update([0]);
        hash.update(self.body.as_str().as_bytes());
        hex::text(&hash.finalize())
    }
}

fn from_json(text: &str) -> Result<Issue, serde_json::Error> {
    let json: Json = serde_json::from_str(text)?;
    let mut body = json.body.unwrap_or_default();
    if let Comments::Listed(comments) = json.comments {
        for comment in comments {
            body.push_str("\n\nComment:\n\n");
            body.push_str(&comment.body);
        }
    }
    Ok(Issue {
        id: json.number,
        title: Raw::new(json.title).clean(MAX_TITLE_CHARS),
        body: Raw::new(body).clean(MAX_BODY_CHARS),
    })
}

fn from_markdown(text: &str) -> Issue {
    let (first, rest) = match text.trim_start().split_once('\n') {
        Some((first, rest)) => (first, rest),
        None => (text.trim(), ""),
    };
    let title = first.trim().trim_start_matches('#');
    // `# Title` is a heading; `#12 Title` and `# #12: Title` carry the number.
    let heading = first.trim().strip_prefix("# ").unwrap_or(first.trim()).trim();
    let (id, title) = match heading.strip_prefix('#').map(split_number) {
        Some((Some(number), title)) => (Some(IssueId::Number(number)), title),
        _ => (None, title.trim()),
    };
    Issue {
        id,
        title: Raw::new(title.to_owned()).clean(MAX_TITLE_CHARS),
        body: Raw::new(rest.trim().to_owned()).clean(MAX_BODY_CHARS),
    }
}

fn split_number(text: &str) -> (Option<NonZeroU64>, &str) {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = text.split_at(digits);
    match number.parse() {
        Ok(number) => (Some(number), rest.trim_start_matches([':', ' ', '-', '–']).trim()),
        Err(_) => (None, text),
    }
}

fn slug(title: &str) -> String {
    let mut slug = String::new();
    for c in title.chars() {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            'A'..='Z' => slug.push(c.to_ascii_lowercase()),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
        if slug.len() >= MAX_SLUG_CHARS {
            break;
        }
    }
    let slug = outbound::without_skip_words(slug.trim_matches('-'));
    if slug.is_empty() { "issue".to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Option<String>, String, String) {
        let issue = Issue::parse(text.as_bytes().to_vec(), "in x.md").unwrap();
        (issue.id.map(|id| id.to_string()), issue.title.as_str().to_owned(), issue.body.as_str().to_owned())
    }

    #[test]
    fn takes_title_number_and_body_from_markdown_and_json() {
        for (text, number, title, body) in [
            ("# Fix the typo\n\nIt says teh.\n", None, "Fix the typo", "It says teh."),
            ("Fix the typo", None, "Fix the typo", ""),
            ("#12 Fix the typo\nbody", Some("12"), "Fix the typo", "body"),
            ("# #12: Fix the typo\nbody", Some("12"), "Fix the typo", "body"),
            ("## Deeper heading\nbody", None, "Deeper heading", "body"),
            ("\n\n#0 zero\n", None, "0 zero", ""),
            (r#"{"number":7,"title":"T","body":"B"}"#, Some("7"), "T", "B"),
            (r#"{"number":"PROJ-7","title":"T","body":"B"}"#, Some("PROJ-7"), "T", "B"),
            (r#"{"number":7,"title":"T","body":null,"comments":3}"#, Some("7"), "T", ""),
            (
                r#"{"title":"T","body":"B","comments":[{"author":{"login":"a"},"body":"C"}]}"#,
                None,
                "T",
                "B\n\nComment:\n\nC",
            ),
        ] {
            assert_eq!(
                parsed(text),
                (number.map(str::to_owned), title.to_owned(), body.to_owned()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn says_what_is_wrong_with_an_issue_that_it_cannot_take() {
        for (bytes, starts) in [
            (b"".to_vec(), "the issue in x.md is empty"),
            (b" \n\t\n".to_vec(), "the issue in x.md is empty"),
            (b"\xff\xfe".to_vec(), "the issue in x.md is not UTF-8"),
            (vec![b'a'; 1024 * 1024 + 1], "the issue in x.md is larger"),
            (
                "\u{200b}\u{e0041}\u{2060}\n<!-- hi -->".as_bytes().to_vec(),
                "the issue in x.md has no visible",
            ),
            (b"{\"a\":1}".to_vec(), "the issue in x.md looks like JSON"),
            (b"{\"number\":0,\"title\":\"T\"}".to_vec(), "the issue in x.md looks like JSON"),
        ] {
            let error = Issue::parse(bytes, "in x.md").unwrap_err().to_string();
            assert!(error.starts_with(starts), "{error}");
        }
    }

    #[test]
    fn names_a_branch_by_number_or_slug() {
        for (text, part) in [
            ("#12 x", "issue-12"),
            ("Fix: `foo()` panics!", "fix-foo-panics"),
            ("日本語", "issue"),
            (&"word ".repeat(40), "word-word-word-word-word-word-word-word"),
        ] {
            let issue = Issue::parse(text.as_bytes().to_vec(), "").unwrap();
            assert_eq!(issue.branch_part(), part);
        }
    }
}
