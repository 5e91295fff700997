//! The *spelling* of files' names: which words can be one, and which only look like it.

use super::paths::last_name;
use crate::language::Language;
use crate::path::RepoPath;

/// Names of files that have neither a folder nor an extension.
pub(super) const BARE_NAMES: [&str; 16] = [
    "BUILD",
    "Brewfile",
    "Caddyfile",
    "Containerfile",
    "Dockerfile",
    "Gemfile",
    "Jenkinsfile",
    "LICENSE",
    "Makefile",
    "NOTICE",
    "Pipfile",
    "Procfile",
    "README",
    "Rakefile",
    "Vagrantfile",
    "WORKSPACE",
];
/// Extensions of files that have no grammar, and that no field or method is called.
const EXTENSIONS: [&str; 34] = [
    "adoc", "bat", "bazel", "bzl", "cfg", "cmake", "conf", "csproj", "csv", "dart", "gradle", "graphql",
    "hcl", "ini", "j2", "less", "md", "mdx", "mk", "nix", "proto", "ps1", "rst", "scss", "sln", "sql",
    "svelte", "svg", "tex", "tf", "tpl", "txt", "vue", "xml",
];
/// Products and sites that are spelled like files.
const PRODUCTS: [&str; 13] = [
    "Alpine.js",
    "Angular.js",
    "Backbone.js",
    "Chart.js",
    "D3.js",
    "Ember.js",
    "Express.js",
    "Next.js",
    "Node.js",
    "Nuxt.js",
    "Three.js",
    "Vue.js",
    "docs.rs",
];

pub(super) fn is_pathlike(text: &str) -> bool {
    is_possible(text)
        && !text.contains(|c: char| c.is_whitespace() || "<>|\"*?=;{}()".contains(c))
        && !text.ends_with('/')
}

/// Whether a word that no tree is known for is likely a path: it has a folder or an extension.
pub(super) fn is_likely_path(text: &str) -> bool {
    is_pathlike(text) && (text.contains('/') || has_extension(text))
}

/// Whether a path could be spelled so at all.
pub(super) fn is_possible(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 512
        && !text.contains('`')
        && !text.contains("://")
        && text.chars().any(char::is_alphanumeric)
}

pub(super) fn has_extension(text: &str) -> bool {
    last_name(text).rsplit_once('.').is_some_and(|(_, extension)| {
        (1..=12).contains(&extension.len())
            && extension.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
            && !extension.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Whether the extension is one that files have, and hardly anything else.
pub(super) fn has_known_extension(text: &str) -> bool {
    let extension = last_name(text).rsplit_once('.').map_or("", |(_, extension)| extension);
    EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
        || RepoPath::parse(text).is_ok_and(|path| Language::of(&path).is_some())
}

/// Whether a word is spelled like a file and is none: a product, a version, an abbreviation.
pub(super) fn is_prose(word: &str) -> bool {
    if PRODUCTS.iter().any(|product| product.eq_ignore_ascii_case(word)) {
        return true;
    }
    let Some((stem, _)) = word.rsplit_once('.') else { return false };
    let number = stem.strip_prefix(['v', 'V']).unwrap_or(stem);
    let is_version = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_abbreviation = word.split('.').all(|part| part.len() == 1);
    (is_version || is_abbreviation) && !has_known_extension(word)
}
