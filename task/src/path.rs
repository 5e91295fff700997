//! A *repository path*: the name of a file in a git tree, safe to show and to write.
//!
//! Git allows any byte but NUL and `/` in a path component. Paths that could confuse a reader (control
//! characters, back slashes) or git itself (`.git` in any spelling) never become a [`RepoPath`], so whatever holds one
//! needs no further check. Names that Windows cannot have are read and changed where a tree has them; no new file gets
//! one ([`RepoPath::unportable`]).

use std::fmt;

use gix::validate::path::component;
use serde::{Deserialize, Serialize};
pub(crate) use shared::text::is_hidden;
use unicode_normalization::UnicodeNormalization as _;

/// Longest path in bytes, the limit of most file systems (`PATH_MAX` of Linux).
const MAX_BYTES: usize = 4096;
/// Deepest nesting of folders.
const MAX_DEPTH: usize = 64;

/// A relative path with `/` between its components, inside the repository, in UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepoPath(String);

/// Why a text is no [`RepoPath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("the path is empty")]
    Empty,
    #[error("the path is longer than {MAX_BYTES} bytes or deeper than {MAX_DEPTH} folders")]
    TooLong,
    #[error("the path is not UTF-8")]
    NotUtf8,
    #[error("the path is absolute; paths are relative to the top of the repository")]
    Absolute,
    #[error("the path has an empty, `.` or `..` component; it must stay inside the repository")]
    NotNormal,
    #[error("the path has a control, invisible or back-slash character")]
    BadCharacter,
    #[error("the path has a component that git reserves (`.git`)")]
    Reserved,
}

impl RepoPath {
    /// Checks `text` and takes it as it is; nothing is normalised.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            return Err(PathError::Empty);
        }
        if text.len() > MAX_BYTES || text.split('/').count() > MAX_DEPTH {
            return Err(PathError::TooLong);
        }
        if text.starts_with('/') {
            return Err(PathError::Absolute);
        }
        if text.chars().any(|c| c == '\\' || is_hidden(c)) {
            return Err(PathError::BadCharacter);
        }
        for component in text.split('/') {
            if matches!(component, "" | "." | "..") {
                return Err(PathError::NotNormal);
            }
            // Covers `.git` as HFS+ and NTFS spell it: ignorable characters, short names, trailing dots, streams.
            let options = component::Options { protect_windows: false, ..component::Options::default() };
            gix::validate::path::component(component.into(), None, options)
                .map_err(|_| PathError::Reserved)?;
        }
        Ok(Self(text.to_owned()))
    }

    /// The path that a git tree names with `bytes`.
    pub(crate) fn from_git(bytes: &[u8]) -> Result<Self, PathError> {
        Self::parse(std::str::from_utf8(bytes).map_err(|_| PathError::NotUtf8)?)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// What follows the last dot of the file name, unless that dot is its first character.
    pub fn extension(&self) -> Option<&str> {
        match self.file_name().rsplit_once('.') {
            Some(("", _)) | None => None,
            Some((_, extension)) => Some(extension),
        }
    }

    /// Why Windows cannot have a file of that name.
    pub(crate) fn unportable(&self) -> Option<Unportable> {
        self.0.split('/').find_map(|name| {
            if gix::validate::path::component_is_windows_device(name.into()) {
                return Some(Unportable::Device(name.to_owned()));
            }
            if let Some(c) = name.chars().find(|c| r#"<>:"|?*"#.contains(*c)) {
                return Some(Unportable::Character(c));
            }
            name.ends_with(['.', ' ']).then(|| Unportable::Ending(name.to_owned()))
        })
    }

    /// The path as file systems compare it that do not tell letter case apart, nor one spelling of a character from
    /// another. Different files have different paths in it, unless such a system takes one for the other.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }

    /// The folder that holds the file; `None` at the top.
    pub fn parent(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(parent, _)| parent)
    }
}

/// Why Windows cannot have a file of some name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unportable {
    #[error("Windows reserves the name `{0}` for a device")]
    Device(String),
    #[error("no name has a `{0}` on Windows")]
    Character(char),
    #[error("no name ends with a dot or a space on Windows, as `{0}` does")]
    Ending(String),
}

/// A text without regard to letter case and to how its characters are written. `ſ` and the sign for Kelvin are letters of
/// another case, too, and `ﬁ` is `fi`.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let upper: String = text.nfc().flat_map(char::to_uppercase).collect();
    upper.chars().flat_map(char::to_lowercase).nfc().collect()
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl TryFrom<String> for RepoPath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        Self::parse(&text)
    }
}

impl From<RepoPath> for String {
    fn from(path: RepoPath) -> Self {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_ordinary_paths_and_names_the_reason_for_the_others() {
        use PathError::{Absolute, BadCharacter, Empty, NotNormal, Reserved};
        for good in [
            "a",
            "src/lib.rs",
            ".github/CODEOWNERS",
            "a b/ü.txt",
            ".gitignore",
            "日本/語.py",
            "src/aux.c",
            "year=2024/{a}?*.csv",
            "a:b/c.",
            " a ",
        ] {
            assert_eq!(RepoPath::parse(good).map(String::from), Ok(good.to_owned()));
        }
        for (bad, why) in [
            ("", Empty),
            ("/etc/passwd", Absolute),
            ("../x", NotNormal),
            ("a/../b", NotNormal),
            ("a//b", NotNormal),
            ("a/", NotNormal),
            ("./a", NotNormal),
            ("a\\b", BadCharacter),
            ("a\nb", BadCharacter),
            ("a\u{1b}[31m", BadCharacter),
            ("a\u{202e}b", BadCharacter),
            (".git/config", Reserved),
            ("a/.GIT/hooks/x", Reserved),
            ("git~1/config", Reserved),
            (".git./config", Reserved),
            (".git::$INDEX_ALLOCATION/config", Reserved),
        ] {
            assert_eq!(RepoPath::parse(bad), Err(why), "{bad:?}");
        }
        assert_eq!(RepoPath::parse(&"a/".repeat(70)), Err(PathError::TooLong));
    }

    #[test]
    fn names_that_windows_cannot_have_are_told_as_what_they_are() {
        let device = |name: &str| Some(Unportable::Device(name.to_owned()));
        for (path, expect) in [
            ("src/main.c", None),
            ("src/console.c", None),
            ("src/aux.c", device("aux.c")),
            ("NUL", device("NUL")),
            ("com1.txt/a", device("com1.txt")),
            ("a/b:c", Some(Unportable::Character(':'))),
            ("what?.md", Some(Unportable::Character('?'))),
            ("a./b", Some(Unportable::Ending("a.".to_owned()))),
            ("a/b ", Some(Unportable::Ending("b ".to_owned()))),
        ] {
            assert_eq!(RepoPath::parse(path).unwrap().unportable(), expect, "{path}");
        }
    }

    #[test]
    fn names_that_a_file_system_takes_for_one_fold_to_one() {
        for (one, other) in [
            ("README.md", "Readme.MD"),
            ("AGENTS.md", "AGENT\u{17f}.md"),
            ("make", "ma\u{212a}e"),
            ("ü", "U\u{308}"),
            ("straße", "STRASSE"),
            ("fi", "\u{fb01}"),
        ] {
            assert_eq!(fold(one), fold(other), "{one}");
        }
        for (one, other) in [("a", "b"), ("resume", "résumé"), ("ı", "l")] {
            assert_ne!(fold(one), fold(other), "{one}");
        }
    }

    #[test]
    fn splits_names() {
        let path = RepoPath::parse("src/a.test.rs").unwrap();
        assert_eq!(
            (path.file_name(), path.extension(), path.parent()),
            ("a.test.rs", Some("rs"), Some("src"))
        );
        let dot = RepoPath::parse(".env").unwrap();
        assert_eq!((dot.file_name(), dot.extension(), dot.parent()), (".env", None, None));
    }
}
