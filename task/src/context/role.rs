//! A *role* is what a file is for, as far as its path and its first bytes tell: only some files are worth a
//! model's attention, and of those, sources come before tests.

use std::fmt;

use serde::Serialize;

use super::secret_names;
use crate::path::RepoPath;

/// What a readable file is for. Ordered by how likely a fix touches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Code of the product.
    Source,
    /// Templates, style sheets, schemas.
    Markup,
    /// Manifests, configuration, data.
    Config,
    /// Prose.
    Document,
    /// Examples, demonstrations, benchmarks.
    Example,
    /// Tests and what they read.
    Test,
}

impl Role {
    /// One word for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Markup => "markup",
            Self::Config => "config",
            Self::Document => "document",
            Self::Example => "example",
            Self::Test => "test",
        }
    }
}

/// Why a file of the tree is not ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Omission {
    Binary,
    Generated,
    LfsPointer,
    LockFile,
    Minified,
    /// The object is not in the database, as in a partial clone.
    Missing,
    NotUtf8,
    /// Its name says that it holds secrets.
    Secret,
    Submodule,
    Symlink,
    TooLarge,
    UnusablePath,
    Vendored,
}

impl Omission {
    pub const ALL: [Self; 13] = [
        Self::Binary,
        Self::Generated,
        Self::LfsPointer,
        Self::LockFile,
        Self::Minified,
        Self::Missing,
        Self::NotUtf8,
        Self::Secret,
        Self::Submodule,
        Self::Symlink,
        Self::TooLarge,
        Self::UnusablePath,
        Self::Vendored,
    ];

    /// A clause on one file.
    pub fn clause(self) -> &'static str {
        match self {
            Self::Binary => "it is binary",
            Self::Generated => "it is generated",
            Self::LfsPointer => "its content is in Git LFS",
            Self::LockFile => "it is a lock file",
            Self::Minified => "it is minified",
            Self::Missing => "its content is not in the clone",
            Self::NotUtf8 => "it is not UTF-8",
            Self::Secret => "its name says that it holds secrets, which nobody is shown",
            Self::Submodule => "it is a submodule",
            Self::Symlink => "it is a symlink",
            Self::TooLarge => "it is too large",
            Self::UnusablePath => "its name is unusable",
            Self::Vendored => "it is vendored",
        }
    }
}

/// Completes "12 files are …".
impl fmt::Display for Omission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Binary => "binary",
            Self::Generated => "generated",
            Self::LfsPointer => "kept in Git LFS",
            Self::LockFile => "lock files",
            Self::Minified => "minified",
            Self::Missing => "not in the clone",
            Self::NotUtf8 => "not UTF-8",
            Self::Secret => "secrets, by their names",
            Self::Submodule => "submodules",
            Self::Symlink => "symlinks",
            Self::TooLarge => "too large",
            Self::UnusablePath => "of an unusable name",
            Self::Vendored => "vendored",
        })
    }
}

/// Folders that hold other people's code, by the conventions of package tools
/// (the folder rules of GitHub Linguist's `vendor.yml`).
const VENDORED_FOLDERS: &[&str] = &[
    ".yarn",
    "_vendor",
    "bower_components",
    "carthage",
    "godeps",
    "jspm_packages",
    "node_modules",
    "pods",
    "site-packages",
    "third-party",
    "third_party",
    "thirdparty",
    "vendor",
    "vendored",
    "vendors",
];

const LOCK_FILES: &[&str] = &[
    "bun.lock",
    "cargo.lock",
    "composer.lock",
    "flake.lock",
    "gemfile.lock",
    "go.sum",
    "gopkg.lock",
    "gradle.lockfile",
    "mix.lock",
    "npm-shrinkwrap.json",
    "package-lock.json",
    "packages.lock.json",
    "pdm.lock",
    "pipfile.lock",
    "pnpm-lock.yaml",
    "podfile.lock",
    "poetry.lock",
    "pubspec.lock",
    "uv.lock",
    "yarn.lock",
];

const BINARY_EXTENSIONS: &[&str] = &[
    "7z", "a", "avi", "bin", "bmp", "bz2", "class", "db", "dll", "dylib", "eot", "exe", "flac", "gif", "gz",
    "icns", "ico", "jar", "jpeg", "jpg", "lib", "mo", "mov", "mp3", "mp4", "npy", "npz", "o", "odt", "ogg",
    "otf", "pdf", "pickle", "pkl", "png", "pyc", "so", "sqlite", "sqlite3", "tar", "tgz", "tif", "tiff",
    "ttf", "wasm", "wav", "webm", "webp", "woff", "woff2", "xls", "xlsx", "xz", "zip", "zst",
];

const SOURCE_EXTENSIONS: &[&str] = &[
    "adb", "ads", "as", "asm", "bash", "bat", "c", "cc", "cjs", "clj", "cljc", "cljs", "coffee", "cpp", "cr",
    "cs", "cts", "cu", "cuh", "cxx", "d", "dart", "el", "elm", "erl", "ex", "exs", "f", "f90", "f95", "fish",
    "for", "fs", "fsx", "go", "gradle", "groovy", "h", "hh", "hpp", "hrl", "hs", "hxx", "inl", "ino", "ipp",
    "java", "jl", "js", "jsx", "kt", "kts", "l", "lhs", "lisp", "ll", "lua", "m", "mjs", "ml", "mli", "mm",
    "mts", "nim", "nix", "pas", "php", "pl", "pm", "ps1", "psm1", "pxd", "py", "pyi", "pyx", "r", "rake",
    "rb", "re2c", "rkt", "rs", "s", "sc", "scala", "scm", "sh", "sol", "sv", "svelte", "swift", "tcl", "tpp",
    "ts", "tsx", "v", "vala", "vb", "vhd", "vim", "vue", "y", "yy", "zig", "zsh",
];

const MARKUP_EXTENSIONS: &[&str] = &[
    "css", "ejs", "erb", "ftl", "graphql", "haml", "hbs", "htm", "html", "j2", "jinja", "jinja2", "jsp",
    "less", "liquid", "mustache", "proto", "pug", "sass", "scss", "slim", "sql", "styl", "thrift", "tmpl",
    "twig", "xsl", "xslt",
];

const DOCUMENT_EXTENSIONS: &[&str] =
    &["adoc", "asciidoc", "markdown", "md", "mdx", "org", "rst", "tex", "txt"];

/// Whether the path is that of a test, or of what tests read.
pub(crate) fn is_test(path: &RepoPath) -> bool {
    of_path(path) == Ok(Role::Test)
}

/// What the path alone says.
pub(super) fn of_path(path: &RepoPath) -> Result<Role, Omission> {
    let lower = path.as_str().to_ascii_lowercase();
    let (folders, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
    let folders = || folders.split('/').filter(|folder| !folder.is_empty());
    let extension = path.extension().map(str::to_ascii_lowercase).unwrap_or_default();
    if secret_names::is_secret(path) {
        return Err(Omission::Secret);
    }
    if LOCK_FILES.contains(&name) {
        return Err(Omission::LockFile);
    }
    if folders().any(|folder| VENDORED_FOLDERS.contains(&folder)) {
        return Err(Omission::Vendored);
    }
    if BINARY_EXTENSIONS.contains(&extension.as_str()) {
        return Err(Omission::Binary);
    }
    if is_minified_name(name) {
        return Err(Omission::Minified);
    }
    if is_generated_name(name) {
        return Err(Omission::Generated);
    }
    if folders().any(is_test_folder) || is_test_name(path.file_name()) {
        return Ok(Role::Test);
    }
    if DOCUMENT_EXTENSIONS.contains(&extension.as_str())
        || matches!(
            name,
            "readme" | "changelog" | "license" | "licence" | "copying" | "authors" | "notice" | "news"
        )
        || folders().any(|folder| matches!(folder, "doc" | "docs" | "documentation" | "website"))
    {
        return Ok(Role::Document);
    }
    let code = SOURCE_EXTENSIONS.contains(&extension.as_str());
    if code && folders().any(is_example_folder) {
        return Ok(Role::Example);
    }
    Ok(if code {
        Role::Source
    } else if MARKUP_EXTENSIONS.contains(&extension.as_str()) {
        Role::Markup
    } else {
        Role::Config
    })
}

fn is_minified_name(name: &str) -> bool {
    [".min.js", ".min.css", ".min.mjs", "-min.js", ".bundle.js", ".map"].iter().any(|end| name.ends_with(end))
}

fn is_generated_name(name: &str) -> bool {
    const ENDS: &[&str] = &[
        ".designer.cs",
        ".freezed.dart",
        ".g.cs",
        ".g.dart",
        ".pb.cc",
        ".pb.go",
        ".pb.gw.go",
        ".pb.h",
        "_grpc.pb.go",
        "_pb.js",
        "_pb2.py",
        "_pb2_grpc.py",
        "_string.go",
    ];
    ENDS.iter().any(|end| name.ends_with(end))
        || name.contains(".generated.")
        || name.starts_with("zz_generated")
}

fn is_test_folder(folder: &str) -> bool {
    matches!(
        folder,
        "test"
            | "tests"
            | "__tests__"
            | "__mocks__"
            | "__fixtures__"
            | "__snapshots__"
            | "spec"
            | "specs"
            | "testdata"
            | "test-data"
            | "test_data"
            | "fixtures"
            | "e2e"
            | "cypress"
            | "androidtest"
            | "unittests"
            | "integration-tests"
            | "integration_tests"
    )
}

/// The file-name conventions of the test runners: pytest, Go, Jest and Vitest, `JUnit`, `RSpec`, Rust.
fn is_test_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let stem = lower.split('.').next().unwrap_or(&lower);
    // `Test` as a word of its own: `latest.java` and `contest.py` are no tests.
    let camel = name.split('.').next().unwrap_or(name);
    let java_like =
        [".java", ".kt", ".scala", ".cs", ".swift", ".groovy", ".php"].iter().any(|e| lower.ends_with(e));
    lower == "conftest.py"
        || stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem.ends_with("_tests")
        || stem.ends_with("_spec")
        || matches!(stem, "test" | "tests")
        || [".test.", ".tests.", ".spec.", ".e2e.", ".test-d."].iter().any(|part| lower.contains(part))
        || (java_like && ["Test", "Tests", "TestCase", "IT", "Spec"].iter().any(|end| camel.ends_with(end)))
        || (java_like && camel.starts_with("Test") && camel[4..].starts_with(char::is_uppercase))
}

fn is_example_folder(folder: &str) -> bool {
    matches!(
        folder,
        "bench"
            | "benches"
            | "benchmark"
            | "benchmarks"
            | "demo"
            | "demos"
            | "example"
            | "examples"
            | "sample"
            | "samples"
            | "perf"
            | "playground"
            | "playgrounds"
    )
}

/// How many of the first bytes tell whether content is binary, as git itself looks (`FIRST_FEW_BYTES`).
const BINARY_PROBE: usize = 8000;
/// How many of the first bytes may say that a file is generated.
const HEADER_BYTES: usize = 1500;
/// Code this long to the line, on average, was not written by hand.
const MINIFIED_AVERAGE: usize = 250;
/// Shorter files are not worth calling minified.
const MINIFIED_BYTES: usize = 4096;

/// The text of a file, or why it is of no use. A byte order mark is not part of the text.
pub(super) fn text_of(content: &[u8], role: Role) -> Result<&str, Omission> {
    let text = plain_text(content)?;
    if content.starts_with(b"version https://git-lfs.github.com/spec/") {
        return Err(Omission::LfsPointer);
    }
    let code = matches!(role, Role::Source | Role::Markup | Role::Example | Role::Test);
    if code && says_generated(text) {
        return Err(Omission::Generated);
    }
    if code && text.len() > MINIFIED_BYTES {
        let lines = memchr::memchr_iter(b'\n', text.as_bytes()).count() + 1;
        if text.len() / lines > MINIFIED_AVERAGE {
            return Err(Omission::Minified);
        }
    }
    Ok(text)
}

/// The text of any file that has one.
pub(super) fn plain_text(content: &[u8]) -> Result<&str, Omission> {
    if memchr::memchr(0, &content[..content.len().min(BINARY_PROBE)]).is_some() {
        return Err(Omission::Binary);
    }
    let body = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    std::str::from_utf8(body).map_err(|_| Omission::NotUtf8)
}

/// Whether a comment near the top says that a program wrote the file: Go's rule
/// (`^// Code generated .* DO NOT EDIT\.$`), Meta's `@generated`, Bison and Flex.
fn says_generated(text: &str) -> bool {
    let mut end = text.len().min(HEADER_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].lines().any(|line| {
        let comment = line.trim_start();
        let marked =
            ["//", "#", "/*", "*", "--", ";", "<!--", "\"\"\"", "%"].iter().any(|m| comment.starts_with(m));
        marked && {
            let lower = comment.to_ascii_lowercase();
            (lower.contains("generated") && lower.contains("do not edit"))
                || comment.split_whitespace().any(|word| word == "@generated")
                || lower.contains("a bison parser, made by")
                || lower.contains("a lexical scanner generated by flex")
                || lower.contains("<!-- generated by javadoc")
                || lower.contains("<!-- generated by doxygen")
        }
    })
}

#[cfg(test)]
mod tests;
