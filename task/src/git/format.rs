//! The *format* of a repository: how it is stored, as its own configuration says.
//!
//! git refuses a repository whose format it does not know, because reading it as another one gives wrong answers. So
//! do we: references kept as a table look like none at all, for instance.

use std::path::{Path, PathBuf};

use gix::config::{File, Source};

/// The newest version of the format that is known (`core.repositoryFormatVersion`).
const VERSION: i64 = 1;
/// Extensions that change nothing about how objects and references are read.
const HARMLESS: [&str; 6] =
    ["noop", "noop-v1", "partialclone", "preciousobjects", "relativeworktrees", "worktreeconfig"];

/// A format that is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    #[error("its object ids are {0}, which is not supported; use a repository with SHA-1 ids")]
    Objects(String),
    #[error(
        "its references are stored as {0}, which is not supported; \
         convert them (`git refs migrate --ref-format=files`)"
    )]
    References(String),
    #[error("it uses the extension {0:?}, which is not supported; work on a fresh clone of it")]
    Extension(String),
    #[error(
        "its format has version {0}, and {VERSION} is the newest that is supported; work on a fresh clone of it"
    )]
    Version(i64),
}

/// Why the repository cannot be read, if its format is the reason. A configuration that cannot be read says nothing.
pub(super) fn unsupported(git_dir: &Path) -> Option<Unsupported> {
    let config = File::from_path_no_includes(common_dir(git_dir).join("config"), Source::Local).ok()?;
    let version = config.integer("core.repositoryFormatVersion").ok().flatten().unwrap_or_default();
    if version > VERSION {
        return Some(Unsupported::Version(version));
    }
    for section in config.sections_by_name("extensions")? {
        for name in section.value_names() {
            let value = section.value(&name).unwrap_or_default().to_string();
            match name.to_ascii_lowercase().as_str() {
                "objectformat" if value.eq_ignore_ascii_case("sha1") => {}
                "objectformat" => return Some(Unsupported::Objects(value.to_ascii_uppercase())),
                "refstorage" if value.eq_ignore_ascii_case("files") => {}
                "refstorage" => return Some(Unsupported::References(value)),
                name if HARMLESS.contains(&name) => {}
                // As git does: before version 1 nobody wrote extensions that matter.
                _ if version == 0 => {}
                _ => return Some(Unsupported::Extension(name)),
            }
        }
    }
    None
}

/// What the worktrees of a repository share; its configuration lies there.
fn common_dir(git_dir: &Path) -> PathBuf {
    match std::fs::read_to_string(git_dir.join("commondir")) {
        Ok(path) => git_dir.join(path.trim_end()),
        Err(_) => git_dir.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_tells_the_format() {
        let folder = tempfile::tempdir().unwrap();
        let version = "[core]\n\trepositoryformatversion = 1\n[extensions]\n\t";
        for (config, expected) in [
            ("[core]\n\trepositoryformatversion = 0\n".to_owned(), None),
            ("[extensions]\n\tfoo = true\n".to_owned(), None),
            ("[core\n".to_owned(), None),
            ("[core]\n\trepositoryformatversion = 2\n".to_owned(), Some(Unsupported::Version(2))),
            (format!("{version}objectFormat = sha1\n\trefStorage = files\n\tpartialClone = origin\n"), None),
            (format!("{version}worktreeConfig = true\n\trelativeWorktrees\n"), None),
            (format!("{version}objectformat = sha256\n"), Some(Unsupported::Objects("SHA256".to_owned()))),
            (
                format!("{version}refstorage = reftable\n"),
                Some(Unsupported::References("reftable".to_owned())),
            ),
            (format!("{version}Foo = bar\n"), Some(Unsupported::Extension("Foo".to_owned()))),
        ] {
            std::fs::write(folder.path().join("config"), &config).unwrap();
            assert_eq!(unsupported(folder.path()), expected, "{config}");
        }
    }
}
