//! A *protected path* is a file that no model may change, because what reads it acts on it: continuous integration,
//! review rules, dependency locks, instructions to agents, git's own configuration.
//!
//! Paths are compared without letter case, and the short names of NTFS count: a checkout on a forgiving file system
//! must not be reached by another spelling. The other spellings (trailing dots, streams, ignorable characters) never
//! become a [`RepoPath`].

use std::fmt;

use crate::path::RepoPath;
use gix::glob::wildmatch::Mode;

/// Lock files by name, at any depth; from the documentation of each package manager.
const LOCK_FILES: [&str; 35] = [
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "bun.lockb",
    "deno.lock",
    "cargo.lock",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "pixi.lock",
    "pylock.toml",
    "conda-lock.yml",
    "pipfile.lock",
    "gemfile.lock",
    "gems.locked",
    "composer.lock",
    "go.sum",
    "go.work.sum",
    "mix.lock",
    "rebar.lock",
    "pubspec.lock",
    "podfile.lock",
    "cartfile.resolved",
    "package.resolved",
    "packages.lock.json",
    "paket.lock",
    "flake.lock",
    "gradle.lockfile",
    "buildscript-gradle.lockfile",
    "stack.yaml.lock",
    ".terraform.lock.hcl",
    "chart.lock",
    "module.bazel.lock",
];

/// Files that coding agents take instructions or tools from, by name, at any depth.
const INSTRUCTION_FILES: [&str; 14] = [
    "agents.md",
    "agents.override.md",
    "agent.md",
    "claude.md",
    "claude.local.md",
    "gemini.md",
    "copilot-instructions.md",
    ".cursorrules",
    ".windsurfrules",
    ".clinerules",
    ".goosehints",
    ".aider.conf.yml",
    ".mcp.json",
    ".roorules",
];

/// Folders of such instructions, by name, at any depth.
const INSTRUCTION_FOLDERS: [&str; 10] = [
    ".claude",
    ".clinerules",
    ".codex",
    ".continue",
    ".cursor",
    ".gemini",
    ".junie",
    ".roo",
    ".windsurf",
    ".agents",
];

/// First line of a git-lfs pointer, from git-lfs's `docs/spec.md`; older versions named another host.
const LFS_HEADS: [&[u8]; 2] =
    [b"version https://git-lfs.github.com/spec/", b"version https://hawser.github.com/spec/"];

/// Longest glob in bytes: matching is quadratic in it.
const MAX_GLOB: usize = 512;

/// Which paths a patch may not touch: the built-in rules, more globs, and exceptions.
#[derive(Clone, Debug, Default)]
pub struct Protection {
    protected: Vec<Glob>,
    allowed: Vec<Glob>,
}

/// Why a path is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Workflow,
    CodeOwners,
    LockFile,
    AgentInstructions,
    DotFolder,
    GitConfiguration,
    LfsPointer,
    /// By a glob of the configuration.
    Configured,
}

/// A glob of the configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    #[error("the pattern is empty")]
    Empty,
    #[error("the pattern {0:?} is longer than {MAX_GLOB} bytes")]
    TooLong(String),
    #[error("the pattern {0:?} begins with `!`; name exceptions in the list of allowed paths")]
    Negated(String),
}

/// A pattern as `.gitignore` has them, folded like the paths that it is compared with.
#[derive(Clone, Debug)]
struct Glob {
    pattern: String,
}

impl Protection {
    /// The built-in rules, `protected` globs on top, and `allowed` globs as exceptions to the built-in rules.
    ///
    /// A glob without a slash matches a name at any depth, one with a slash is anchored at the top, one that ends
    /// with a slash means all that is in that folder. `.github/workflows` stays protected unless an allowed glob
    /// spells it out: `**` does not open it. What `protected` names is never allowed.
    pub fn new<S: AsRef<str>>(protected: &[S], allowed: &[S]) -> Result<Self, GlobError> {
        let parse =
            |globs: &[S]| globs.iter().map(|glob| Glob::parse(glob.as_ref())).collect::<Result<Vec<_>, _>>();
        Ok(Self { protected: parse(protected)?, allowed: parse(allowed)? })
    }

    /// Why the path may not be created, changed, renamed or deleted; `None` if it may.
    pub fn reason(&self, path: &RepoPath) -> Option<Reason> {
        let folded = path.as_str().to_lowercase();
        if self.protected.iter().any(|glob| glob.matches(&folded)) {
            return Some(Reason::Configured);
        }
        let reason = built_in(&folded)?;
        let allowed = self
            .allowed
            .iter()
            .filter(|glob| reason != Reason::Workflow || glob.names_workflows())
            .any(|glob| glob.matches(&folded));
        (!allowed).then_some(reason)
    }
}

/// Whether the bytes are a git-lfs pointer, which stands for a file kept elsewhere.
pub fn is_lfs_pointer(content: &[u8]) -> bool {
    LFS_HEADS.iter().any(|head| content.starts_with(head))
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Workflow => "it is a workflow of the continuous integration",
            Self::CodeOwners => "it decides who reviews",
            Self::LockFile => "it is a lock file, which only its package manager writes",
            Self::AgentInstructions => "it holds instructions or tools for coding agents",
            Self::DotFolder => "it is in a top-level folder whose name begins with a dot",
            Self::GitConfiguration => "it configures git",
            Self::LfsPointer => "it is a git-lfs pointer to a file that is kept elsewhere",
            Self::Configured => "the configuration protects it",
        })
    }
}

impl Glob {
    fn parse(text: &str) -> Result<Self, GlobError> {
        let text = text.trim();
        if text.is_empty() || text == "/" {
            return Err(GlobError::Empty);
        }
        if text.len() > MAX_GLOB {
            return Err(GlobError::TooLong(text.to_owned()));
        }
        if text.starts_with('!') {
            return Err(GlobError::Negated(text.to_owned()));
        }
        let anchored = text.trim_end_matches('/').contains('/');
        let mut pattern = text.trim_start_matches('/').to_lowercase();
        if !anchored {
            pattern.insert_str(0, "**/");
        }
        if pattern.ends_with('/') {
            pattern.push_str("**");
        }
        Ok(Self { pattern })
    }

    fn matches(&self, folded: &str) -> bool {
        gix::glob::wildmatch(self.pattern.as_str().into(), folded.into(), Mode::NO_MATCH_SLASH_LITERAL)
    }

    fn names_workflows(&self) -> bool {
        self.pattern.starts_with(".github/workflows")
    }
}

fn built_in(folded: &str) -> Option<Reason> {
    let (folders, name) = folded.rsplit_once('/').unwrap_or(("", folded));
    let top = folders.split('/').next().unwrap_or_default();
    if folded.starts_with(".github/workflows/") || folded == ".github/workflows" {
        return Some(Reason::Workflow);
    }
    if name == "codeowners" && matches!(folders, "" | "docs" | ".github" | ".gitlab") {
        return Some(Reason::CodeOwners);
    }
    if LOCK_FILES.contains(&name) || is_named(name, "pylock.", ".toml") {
        return Some(Reason::LockFile);
    }
    if INSTRUCTION_FILES.contains(&name)
        || is_named(name, "", ".instructions.md")
        || folders.split('/').any(|folder| INSTRUCTION_FOLDERS.contains(&folder))
    {
        return Some(Reason::AgentInstructions);
    }
    if matches!(name, ".gitattributes" | ".gitmodules" | ".lfsconfig") {
        return Some(Reason::GitConfiguration);
    }
    // `GITHUB~1` is what NTFS may call `.github`; a file may be named so too, and is then refused for nothing.
    (top.starts_with('.') || is_short_name(top)).then_some(Reason::DotFolder)
}

/// Whether a name in lower case begins and ends so, with something between.
fn is_named(name: &str, start: &str, end: &str) -> bool {
    name.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)).is_some_and(|rest| !rest.is_empty())
}

/// Whether NTFS may have made the name up: up to six characters, a tilde, a digit.
fn is_short_name(component: &str) -> bool {
    component.split_once('~').is_some_and(|(stem, rest)| {
        stem.len() <= 6 && rest.chars().next().is_some_and(|c| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(protection: &Protection, cases: &[(&str, Option<Reason>)]) {
        for (path, reason) in cases {
            assert_eq!(protection.reason(&RepoPath::parse(path).unwrap()), *reason, "{path}");
        }
    }

    #[test]
    fn protects_what_acts_on_a_repository_in_any_spelling() {
        use Reason::{AgentInstructions, CodeOwners, DotFolder, GitConfiguration, LockFile, Workflow};
        check(
            &Protection::default(),
            &[
                ("src/main.rs", None),
                ("README.md", None),
                (".gitignore", None),
                (".eslintrc.json", None),
                ("docs/agents.rs", None),
                ("src/CODEOWNERS", None),
                ("src/.hidden/file.rs", None),
                ("locks/poetry.lock.md", None),
                (".github/workflows/ci.yml", Some(Workflow)),
                (".GitHub/Workflows/ci.yml", Some(Workflow)),
                (".github/workflows", Some(Workflow)),
                (".github/dependabot.yml", Some(DotFolder)),
                (".circleci/config.yml", Some(DotFolder)),
                (".husky/pre-commit", Some(DotFolder)),
                ("GITHUB~1/workflows/ci.yml", Some(DotFolder)),
                ("CODEOWNERS", Some(CodeOwners)),
                ("docs/codeowners", Some(CodeOwners)),
                (".github/CODEOWNERS", Some(CodeOwners)),
                ("Cargo.lock", Some(LockFile)),
                ("web/package-lock.json", Some(LockFile)),
                ("web/PACKAGE-LOCK.JSON", Some(LockFile)),
                ("pnpm-lock.yaml", Some(LockFile)),
                ("a/b/go.sum", Some(LockFile)),
                ("pylock.dev.toml", Some(LockFile)),
                ("AGENTS.md", Some(AgentInstructions)),
                ("crates/core/claude.md", Some(AgentInstructions)),
                ("GEMINI.md", Some(AgentInstructions)),
                (".cursorrules", Some(AgentInstructions)),
                (".github/copilot-instructions.md", Some(AgentInstructions)),
                ("web/.cursor/rules/a.mdc", Some(AgentInstructions)),
                (".gitmodules", Some(GitConfiguration)),
                ("assets/.gitattributes", Some(GitConfiguration)),
            ],
        );
    }

    #[test]
    fn the_spellings_that_are_not_folded_are_no_paths() {
        for spelling in
            [".github./workflows/ci.yml", ".github/workflows /ci.yml", ".github::$INDEX_ALLOCATION/a"]
        {
            assert!(RepoPath::parse(spelling).is_err(), "{spelling}");
        }
    }

    #[test]
    fn configuration_adds_and_excepts() {
        let protection = Protection::new(
            &["infra/", "*.sql", "/deploy/*.yaml"],
            &["**", ".github/dependabot.yml", "Cargo.lock", "infra/readme.md"],
        )
        .unwrap();
        check(
            &protection,
            &[
                ("infra/main.tf", Some(Reason::Configured)),
                ("Infra/a/b.tf", Some(Reason::Configured)),
                ("infra/readme.md", Some(Reason::Configured)),
                ("db/001.SQL", Some(Reason::Configured)),
                ("deploy/app.yaml", Some(Reason::Configured)),
                ("deploy/a/app.yaml", None),
                (".github/dependabot.yml", None),
                ("Cargo.lock", None),
                (".vscode/settings.json", None),
                (".github/workflows/ci.yml", Some(Reason::Workflow)),
            ],
        );
        let open = Protection::new::<&str>(&[], &[".github/workflows/docs.yml"]).unwrap();
        check(
            &open,
            &[(".github/workflows/docs.yml", None), (".github/workflows/ci.yml", Some(Reason::Workflow))],
        );
    }

    #[test]
    fn globs_are_checked() {
        let error = |glob: &str| Protection::new::<&str>(&[glob], &[]).err();
        assert_eq!(error(""), Some(GlobError::Empty));
        assert_eq!(error("!src"), Some(GlobError::Negated("!src".to_owned())));
        let long = "a".repeat(MAX_GLOB + 1);
        assert_eq!(error(&long), Some(GlobError::TooLong(long.clone())));
        assert_eq!(error("src/**"), None);
    }

    #[test]
    fn knows_pointers_of_git_lfs() {
        assert!(is_lfs_pointer(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"));
        assert!(!is_lfs_pointer(b"version = 1\n"));
    }
}
