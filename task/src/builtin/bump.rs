//! A *bump* changes the version of a dependency where a line of a manifest names both.

use super::places::Places;
use super::request::Request;
use super::{Declined, regex};
use crate::outbound::markup::code_span;
use crate::path::RepoPath;

/// Files that say what a project depends on.
pub(super) const MANIFEST: &str = r"(?x)(?:^|/)(?:Cargo\.toml | Directory\.Packages\.props | Gemfile | Pipfile
    | build\.gradle(?:\.kts)? | build\.sbt | composer\.json | constraints\.txt | go\.mod | libs\.versions\.toml
    | mix\.exs | package\.json | pubspec\.yaml | pyproject\.toml | requirements[\w.-]*\.(?:in|txt) | setup\.cfg
    | [\w.-]+\.(?:csproj|fsproj|gemspec))$";
/// What stands between a name and its version; the operator is the last of it.
const GAP: &str = r#"(?:\[[\w,. -]*\])?["' \t:,=({]*(?:[Vv]ersion["' \t:=(]*)?(?<operator>[\^~=<>!]*) *v?"#;
/// What may follow a version that is the whole requirement, and the operators of one.
const END: &str = r#"^(?:["'][\s,)}\]]*(?:[A-Za-z_/(].*|[#;].*)?|\s*(?:(?:#|//|;).*)?)$"#;
const OPERATOR: &str = r"^(?:={0,3}|\^|~|~=|~>|>=)$";

/// Where `text`, the content of a manifest, asks for the dependency at its version so far.
pub(super) fn find(text: &str, path: &RepoPath, asked: &Request) -> Result<Places, Declined> {
    let start = r"(?m)^(?:[^#;/\n]|/[^/\n])*?(?:^|[^\w@/.-])";
    let name = regex::escape(&asked.subject);
    let requirement = regex(&format!(r"{start}{name}{GAP}(?<version>\d[\w.+-]*)(?<rest>.*)$"));
    let (end, operator) = (regex(END), regex(OPERATOR));
    let bare = |version: &str| version.trim_start_matches(['v', 'V']).to_owned();
    let (from, to) = (bare(asked.from.as_deref().unwrap_or_default()), bare(&asked.to));
    let mut places = Places::default();
    for found in requirement.captures_iter(text) {
        let Some(version) = found.name("version") else { continue };
        let is_whole = operator.is_match(&found["operator"]) && end.is_match(found["rest"].trim_end());
        if version.as_str() == to && to != from && is_whole {
            let line = text[..version.start()].matches('\n').count() + 1;
            let clause = format!("{} is at version {} already", code_span(&asked.subject), code_span(&to));
            places.done.get_or_insert((line, clause));
        } else if version.as_str() != from {
            *places.left.entry(format!("at version {}", version.as_str())).or_default() += 1;
        } else if !is_whole {
            let (name, path) = (code_span(&asked.subject), code_span(path.as_str()));
            return Declined::new(format!("{path} asks for {name} with more than a version"));
        } else if !regex(r"^\d[\w.+-]*$").is_match(&to) {
            return Declined::new(format!("{} is not a version", code_span(&to)));
        } else if path.file_name() == "go.mod" && from.split('.').next() != to.split('.').next() {
            return Declined::new("another major version of a Go module has another import path");
        } else {
            places.changed.push((version.range(), to.clone()));
        }
    }
    Ok(places)
}
