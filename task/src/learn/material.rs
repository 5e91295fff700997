//! The *material*: what was said of the agent's pull requests and done to them, as texts with names that a rule can cite.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use shared::hex;
use shared::repo::Repo;

use crate::context::tokens;

/// Hexadecimal digits by which the material of a proposal is known.
const DIGEST_DIGITS: usize = 16;
/// Tokens of a text's name and of where it is from.
const HEAD_TOKENS: u32 = 30;

/// What kind of text it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A comment on a pull request.
    Comment,
    /// What a review says of the whole.
    Review,
    /// A comment on a line.
    Line,
    /// What people changed before they merged.
    Changed,
    /// How a run failed.
    Failure,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Comment, Self::Review, Self::Line, Self::Changed, Self::Failure];

    fn letter(self) -> char {
        match self {
            Self::Comment => 'c',
            Self::Review => 'r',
            Self::Line => 'l',
            Self::Changed => 'd',
            Self::Failure => 'f',
        }
    }
}

/// The name of a text: the number of its issue or pull request, and which of the texts there it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) thread: u64,
    pub(super) kind: Kind,
    /// 0 for a text without a number.
    pub(super) id: u64,
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.thread, self.kind.letter())?;
        if self.id > 0 { write!(f, "{}", self.id) } else { Ok(()) }
    }
}

impl Name {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (thread, rest) = text.split_once('/')?;
        let kind = Kind::ALL.into_iter().find(|kind| rest.starts_with(kind.letter()))?;
        let number = |digits: &str| -> Option<u64> {
            digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
        };
        let id = match &rest[1..] {
            "" => 0,
            digits => number(digits)?,
        };
        Some(Self { thread: number(thread)?, kind, id })
    }

    /// The page with the text, on its own host.
    pub(super) fn page(&self, repo: &Repo) -> String {
        let Self { thread, kind, id } = self;
        match kind {
            Kind::Comment => format!("/{repo}/pull/{thread}#issuecomment-{id}"),
            Kind::Review => format!("/{repo}/pull/{thread}#pullrequestreview-{id}"),
            Kind::Line => format!("/{repo}/pull/{thread}#discussion_r{id}"),
            Kind::Changed => format!("/{repo}/pull/{thread}/commits"),
            Kind::Failure => format!("/{repo}/issues/{thread}#issuecomment-{id}"),
        }
    }
}

/// One text.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) name: Name,
    pub(super) at: Timestamp,
    /// Whose it is and what it is about, in one line; lines of a diff may follow.
    pub(super) about: String,
    /// The words themselves, which can be quoted.
    pub(super) said: String,
    /// Files that it is about.
    pub(super) paths: Vec<String>,
}

impl Text {
    fn shown(&self) -> String {
        format!("[{}] {}\n{}\n", self.name, self.about, self.said.trim())
    }
}

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub(super) struct Material {
    /// The newest first.
    pub(super) texts: Vec<Text>,
    /// Closed pull requests that were looked at.
    pub(super) pulls: usize,
    /// Texts for which there was no room.
    pub(super) left_out: usize,
}

impl Material {
    /// The newest texts that have room.
    pub(super) fn of(mut texts: Vec<Text>, pulls: usize, room: u32) -> Self {
        texts.sort_by_key(|text| std::cmp::Reverse(text.at));
        let (mut left, mut left_out) = (room, 0);
        texts.retain(|text| {
            let needed = tokens::estimate(&text.shown()).saturating_add(HEAD_TOKENS);
            let fits = needed <= left;
            if fits {
                left -= needed;
            } else {
                left_out += 1;
            }
            fits
        });
        Self { texts, pulls, left_out }
    }

    pub(super) fn find(&self, name: &str) -> Option<&Text> {
        let name = Name::parse(name)?;
        self.texts.iter().find(|text| text.name == name)
    }

    /// For the model.
    pub(super) fn shown(&self) -> String {
        self.texts.iter().map(Text::shown).collect::<Vec<_>>().join("\n")
    }

    /// The files that it is about, each once.
    pub(super) fn paths(&self) -> BTreeSet<&str> {
        self.texts.iter().flat_map(|text| &text.paths).map(String::as_str).collect()
    }

    /// What it is known by.
    pub(super) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for text in &self.texts {
            for part in [&text.name.to_string(), &text.said] {
                hash.update(part);
                hash.update([0]);
            }
        }
        let mut digest = hex::text(&hash.finalize());
        digest.truncate(DIGEST_DIGITS);
        digest
    }

    /// What it is, in a sentence.
    pub(super) fn described(&self) -> String {
        let mut text = format!("{} closed pull requests, {} texts", self.pulls, self.texts.len());
        if self.left_out > 0 {
            write!(text, " ({} older ones were left out)", self.left_out).expect("a String takes any text");
        }
        text
    }
}

/// A text for comparisons: its words with single spaces, letter case aside.
pub(super) fn plain(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ").replace(['“', '”'], "\"").replace(['‘', '’'], "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(id: u64, said: &str) -> Text {
        Text {
            name: Name { thread: 7, kind: Kind::Line, id },
            at: Timestamp::from_second(i64::try_from(id).unwrap()).unwrap(),
            about: "@dev1".to_owned(),
            said: said.to_owned(),
            paths: vec!["b".to_owned(), "a".to_owned()],
        }
    }

    #[test]
    fn a_name_is_read_as_it_was_written_and_leads_to_its_page() {
        let repo = Repo::parse("https://github.com/octo/hello", &shared::repo::HostPolicy::github()).unwrap();
        for (name, page) in [
            ("12/c345", "/octo/hello/pull/12#issuecomment-345"),
            ("12/r9", "/octo/hello/pull/12#pullrequestreview-9"),
            ("12/l8", "/octo/hello/pull/12#discussion_r8"),
            ("12/d", "/octo/hello/pull/12/commits"),
            ("3/f77", "/octo/hello/issues/3#issuecomment-77"),
        ] {
            let parsed = Name::parse(name).unwrap();
            assert_eq!((parsed.to_string().as_str(), parsed.page(&repo).as_str()), (name, page));
        }
        for text in
            ["", "12", "12/", "12/x1", "/c1", "a/c1", "12/c1x", "12/c-1", "+1/c1", "99999999999999999999/c1"]
        {
            assert_eq!(Name::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_newest_texts_have_room_first() {
        let texts: Vec<Text> = (1..=10).map(|id| text(id, &"word ".repeat(100))).collect();
        let material = Material::of(texts, 3, 500);
        let ids: Vec<u64> = material.texts.iter().map(|text| text.name.id).collect();
        assert_eq!(ids.first(), Some(&10));
        assert!(ids.len() < 6 && ids.is_sorted_by(|one, other| one > other), "{ids:?}");
        assert_eq!(material.left_out, 10 - ids.len());
        assert!(tokens::estimate(&material.shown()) <= 500);
        assert_eq!(material.paths().into_iter().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn other_words_are_other_material() {
        let of = |said: &str| Material::of(vec![text(1, said)], 1, 1_000).digest();
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a"), of("b"));
        assert_eq!(of("a").len(), DIGEST_DIGITS);
    }
}
