//! A *protected path* is a file that no model may change, because what reads it acts on it: continuous integration,
//! review rules, hooks, editors, package managers, dependency locks, instructions to agents, git's own configuration.
//!
//! An *executed path* may be changed, because ordinary changes need it (`package.json`, `build.rs`), but building, testing
//! or opening the repository runs what it says. Whoever reviews the pull request is told first.
//!
//! Both lists are data: `protected-paths.toml`, with the source of each entry. Paths are compared as forgiving file systems
//! do: without letter case in all of Unicode, without trailing dots and the names of streams, and the short names of NTFS
//! count. A checkout there must not be reached by another spelling. Characters that cannot be seen never become part of a
//! [`RepoPath`].

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use gix::glob::wildmatch::Mode;
use serde::Deserialize;

use crate::path::{RepoPath, fold};

/// The lists, as they are maintained.
const LISTS: &str = include_str!("../protected-paths.toml");

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    Workflow,
    CodeOwners,
    ReviewRules,
    ContinuousIntegration,
    Hooks,
    GitConfiguration,
    Editor,
    ShellEnvironment,
    PackageManager,
    LockFile,
    AgentInstructions,
    DotFolder,
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
        spellings(path).iter().find_map(|folded| self.reason_of(folded))
    }

    fn reason_of(&self, folded: &str) -> Option<Reason> {
        if self.protected.iter().any(|glob| glob.matches(folded)) {
            return Some(Reason::Configured);
        }
        let reason = built_in(folded)?;
        let allowed = self
            .allowed
            .iter()
            .filter(|glob| reason != Reason::Workflow || glob.names_workflows())
            .any(|glob| glob.matches(folded));
        (!allowed).then_some(reason)
    }
}

/// Whether the bytes are a git-lfs pointer, which stands for a file kept elsewhere.
pub(crate) fn is_lfs_pointer(content: &[u8]) -> bool {
    LFS_HEADS.iter().any(|head| content.starts_with(head))
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Workflow => "it is a GitHub Actions workflow",
            Self::CodeOwners => "it decides who reviews",
            Self::ReviewRules => "it configures how pull requests are reviewed or merged",
            Self::ContinuousIntegration => "it configures continuous integration or deployment",
            Self::Hooks => "it configures git hooks, which run on the machine of whoever commits",
            Self::GitConfiguration => "it configures git",
            Self::Editor => "it configures an editor, which can run what it says",
            Self::ShellEnvironment => "it sets up the shell of whoever enters the folder",
            Self::PackageManager => "it configures a package manager, such as where packages come from",
            Self::LockFile => "it is a lock file, which only its package manager writes",
            Self::AgentInstructions => "it holds instructions or tools for coding agents",
            Self::DotFolder => "it is in a folder of settings whose name begins with a dot",
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
        let mut pattern = fold(text.trim_start_matches('/'));
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

/// What runs a file, such as `a shell`; `None` where nothing that is known does.
///
/// Protected paths are not looked up here: they cannot be changed at all unless the configuration allows it.
pub(crate) fn executed_by(path: &RepoPath) -> Option<&'static str> {
    spellings(path).iter().find_map(|folded| BUILT_IN.executed.find(folded)).copied()
}

/// The path as it is compared, and as Windows would read it where that is another one: without the names of streams, and
/// without dots and spaces at the end of a name.
fn spellings(path: &RepoPath) -> Vec<String> {
    let plain =
        |name: &str| name.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']).to_owned();
    let folded = path.folded();
    let on_windows = folded.split('/').map(plain).collect::<Vec<_>>().join("/");
    if on_windows == folded { vec![folded] } else { vec![folded, on_windows] }
}

/// The built-in lists, parsed once.
static BUILT_IN: LazyLock<BuiltIn> =
    LazyLock::new(|| BuiltIn::parse(LISTS).expect("protected-paths.toml is well formed: a test parses it"));

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    protected: Vec<List<Reason>>,
    executed: Vec<List<()>>,
    open: Vec<List<()>>,
}

/// One entry of the file: patterns that share a meaning and the documentation that says so.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List<R> {
    reason: Option<R>,
    by: Option<String>,
    source: String,
    paths: Vec<String>,
}

struct BuiltIn {
    protected: Patterns<Reason>,
    executed: Patterns<&'static str>,
    open: Patterns<()>,
}

impl BuiltIn {
    fn parse(text: &'static str) -> Result<Self, ListError> {
        let lists: Lists = toml::from_str(text)?;
        let mut built_in =
            Self { protected: Patterns::new(), executed: Patterns::new(), open: Patterns::new() };
        for list in lists.protected {
            let reason = list.reason.ok_or(ListError::Incomplete)?;
            built_in.protected.add(&list.source, &list.paths, reason)?;
        }
        for list in lists.executed {
            // As long as the program: one text for each entry of a list that is compiled in.
            let by: &'static str = list.by.ok_or(ListError::Incomplete)?.leak();
            built_in.executed.add(&list.source, &list.paths, by)?;
        }
        for list in lists.open {
            built_in.open.add(&list.source, &list.paths, ())?;
        }
        Ok(built_in)
    }
}

/// What is wrong with the lists. A test parses them, so nobody else meets this.
#[derive(Debug, thiserror::Error)]
enum ListError {
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    #[error(transparent)]
    Glob(#[from] GlobError),
    #[error("an entry has no source, no reason, or nobody who executes it")]
    Incomplete,
}

/// Patterns with what they mean. Of several that match, the one that was added first counts.
struct Patterns<V> {
    values: Vec<V>,
    /// Names of files at any depth, and of folders at any depth, by the index of their value: most patterns are these, and
    /// a tree of 200,000 paths is looked through.
    names: HashMap<String, usize>,
    folders: HashMap<String, usize>,
    globs: Vec<(Glob, usize)>,
}

impl<V> Patterns<V> {
    fn new() -> Self {
        Self { values: Vec::new(), names: HashMap::new(), folders: HashMap::new(), globs: Vec::new() }
    }

    fn add(&mut self, source: &str, paths: &[String], value: V) -> Result<(), ListError> {
        if source.trim().is_empty() {
            return Err(ListError::Incomplete);
        }
        let index = self.values.len();
        self.values.push(value);
        for path in paths {
            let pattern = path.to_lowercase();
            let folder = pattern.strip_suffix('/');
            let name = folder.unwrap_or(&pattern);
            if name.contains(['/', '*', '?', '[', '\\']) {
                self.globs.push((Glob::parse(path)?, index));
            } else if folder.is_some() {
                self.folders.entry(name.to_owned()).or_insert(index);
            } else {
                self.names.entry(name.to_owned()).or_insert(index);
            }
        }
        Ok(())
    }

    /// The value of the first pattern that matches a path in lower case.
    fn find(&self, folded: &str) -> Option<&V> {
        let (folders, name) = folded.rsplit_once('/').unwrap_or(("", folded));
        let in_folder = folders.split('/').filter_map(|folder| self.folders.get(folder)).min();
        let globs = self.globs.iter().filter(|(glob, _)| glob.matches(folded)).map(|(_, index)| index);
        let first = self.names.get(name).into_iter().chain(in_folder).chain(globs).min()?;
        self.values.get(*first)
    }

    /// The value of a folder whose name starts so, its dots aside.
    fn folder_that_starts(&self, stem: &str) -> Option<&V> {
        let starts = |name: &&String| !stem.is_empty() && name.replace('.', "").starts_with(stem);
        let first = self.folders.iter().filter(|(name, _)| starts(name)).map(|(_, index)| index).min()?;
        self.values.get(*first)
    }
}

fn built_in(folded: &str) -> Option<Reason> {
    if let Some(reason) = BUILT_IN.protected.find(folded) {
        return Some(*reason);
    }
    if BUILT_IN.open.find(folded).is_some() {
        return None;
    }
    // `GITHUB~1` is what NTFS may call `.github`; a folder may be named so too, and is then refused for nothing.
    let (folders, _) = folded.rsplit_once('/')?;
    let (top, below) = folders.split_once('/').unwrap_or((folders, ""));
    if top.starts_with('.') || short_name(top).is_some() {
        return Some(Reason::DotFolder);
    }
    below
        .split('/')
        .filter_map(short_name)
        .find_map(|stem| BUILT_IN.protected.folder_that_starts(stem))
        .copied()
}

/// What NTFS may have shortened the name from: up to six characters before a tilde and a digit.
fn short_name(component: &str) -> Option<&str> {
    let (stem, rest) = component.split_once('~')?;
    (stem.len() <= 6 && rest.chars().next().is_some_and(|c| c.is_ascii_digit())).then_some(stem)
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
        use Reason::{
            AgentInstructions, CodeOwners, ContinuousIntegration, DotFolder, Editor, GitConfiguration, Hooks,
            LockFile, PackageManager, ReviewRules, ShellEnvironment, Workflow,
        };
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
                (".circleci/config.yml", Some(ContinuousIntegration)),
                (".husky/pre-commit", Some(Hooks)),
                (".unknown/file", Some(DotFolder)),
                (".changeset/brave-lions-jump.md", None),
                (".changes/unreleased/Fixed-1.yaml", None),
                (".gitlab-ci.yml", Some(ContinuousIntegration)),
                ("ci/deploy.gitlab-ci.yml", Some(ContinuousIntegration)),
                ("Jenkinsfile.release", Some(ContinuousIntegration)),
                ("services/api/azure-pipelines-nightly.yml", Some(ContinuousIntegration)),
                ("netlify.toml", Some(ContinuousIntegration)),
                ("packages/site/vercel.json", Some(ContinuousIntegration)),
                (".pre-commit-config.yaml", Some(Hooks)),
                ("lefthook.yml", Some(Hooks)),
                ("renovate.json", Some(ReviewRules)),
                ("pkg/OWNERS", Some(CodeOwners)),
                (".vscode/tasks.json", Some(Editor)),
                ("web/.vscode/tasks.json", Some(Editor)),
                ("web/VSCODE~1/tasks.json", Some(Editor)),
                ("docs/notes~1/a.md", None),
                ("app.code-workspace", Some(Editor)),
                ("sub/.devcontainer/devcontainer.json", Some(Editor)),
                (".dir-locals.el", Some(Editor)),
                ("tools/.envrc", Some(ShellEnvironment)),
                ("crates/a/.cargo/config.toml", Some(PackageManager)),
                ("web/.npmrc", Some(PackageManager)),
                ("app/gradle/wrapper/gradle-wrapper.properties", Some(PackageManager)),
                ("NuGet.Config", Some(PackageManager)),
                ("sub/.github/workflows/ci.yml", Some(DotFolder)),
                ("QWEN.md", Some(AgentInstructions)),
                ("mcp.json", Some(AgentInstructions)),
                ("svc/.amazonq/rules/a.md", Some(AgentInstructions)),
                ("docs/style.instructions.md", Some(AgentInstructions)),
                ("instructions.md", None),
                ("package.json", None),
                ("conftest.py", None),
                ("src/auth.json", None),
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
                ("AGENT\u{17f}.md", Some(AgentInstructions)),
                ("docs/\u{212a}eep/CLAUDE.md.", Some(AgentInstructions)),
                ("CODEOWNERS::$DATA", Some(CodeOwners)),
                ("GO.\u{17f}UM", Some(LockFile)),
                (".Change\u{17f}et/Brave-Cats.MD", None),
                (".changeset/config.json", Some(PackageManager)),
                (".changeset/changelog.js", Some(PackageManager)),
                (".changeset/AGENTS.md", Some(AgentInstructions)),
            ],
        );
    }

    #[test]
    fn names_what_runs_a_file_that_may_be_changed() {
        for (path, by) in [
            ("package.json", Some("npm and its like")),
            ("packages/a/Package.json", Some("npm and its like")),
            ("web/vite.config.ts", Some("npm and its like")),
            ("tests/conftest.py", Some("Python's build and test tools")),
            ("setup.py", Some("Python's build and test tools")),
            ("Makefile", Some("make, CMake and their like")),
            ("lib/rules.mk", Some("make, CMake and their like")),
            ("build.rs", Some("cargo and rustc")),
            ("Dockerfile", Some("container engines and deployment tools")),
            ("deploy/Dockerfile.arm64", Some("container engines and deployment tools")),
            ("action.yml", Some("GitHub Actions, as an action of this repository")),
            ("scripts/release.sh", Some("a shell")),
            ("app/build.gradle.kts", Some("Maven, Gradle, sbt, Ant and Bazel")),
            ("src/App.csproj", Some("MSBuild and .NET's tools")),
            ("Rakefile", Some("Ruby's and PHP's tools")),
            ("go.mod", Some("the tools of Go, Swift, Haskell, Elixir, Erlang, OCaml and Nix")),
            ("src/main.rs", None),
            ("README.md", None),
            ("src/config.ts", None),
            ("docs/makefile.md", None),
            ("locale/de.json", None),
        ] {
            assert_eq!(executed_by(&RepoPath::parse(path).unwrap()), by, "{path}");
        }
    }

    #[test]
    fn the_lists_are_well_formed_and_name_nothing_twice() {
        let lists: Lists = toml::from_str(LISTS).unwrap();
        let entries = lists.protected.iter().map(|list| &list.paths);
        let entries = entries.chain(lists.executed.iter().map(|list| &list.paths));
        let mut all: Vec<String> = entries
            .chain(lists.open.iter().map(|list| &list.paths))
            .flatten()
            .map(|path| path.to_lowercase())
            .collect();
        all.sort();
        let twice: Vec<_> = all.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| &pair[0]).collect();
        assert!(twice.is_empty(), "{twice:?}");
        BuiltIn::parse(LISTS).unwrap();
    }

    #[test]
    fn the_spellings_of_windows_are_those_of_the_same_file() {
        for spelling in [
            ".github./workflows/ci.yml",
            ".github/workflows /ci.yml",
            ".github::$INDEX_ALLOCATION/workflows/a",
        ] {
            let path = RepoPath::parse(spelling).unwrap();
            assert!(path.unportable().is_some(), "{spelling} could be made");
            assert!(Protection::default().reason(&path).is_some(), "{spelling} could be changed");
        }
        let path = RepoPath::parse("Ma\u{212a}efile.").unwrap();
        assert_eq!(executed_by(&path), Some("make, CMake and their like"));
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
