//! A *requirement* is the version that a manifest asks of a dependency: operator and version, as written.

use std::ops::Range;

use super::Stop;
use super::files::{Change, Places, Source};
use super::grammar::Direction;
use super::term::{is_version, short};
use crate::path::RepoPath;

/// Finds the requirements of a dependency: the manifest's text, the name.
type Finder = fn(&str, &str) -> Vec<Range<usize>>;

/// What reads a manifest of this name.
fn finder(path: &RepoPath) -> Option<Finder> {
    let name = path.file_name();
    Some(match name {
        "Cargo.toml" => cargo,
        "pyproject.toml" => pyproject,
        "package.json" => |text, name| json(text, name, &NPM_TABLES),
        "composer.json" => |text, name| json(text, name, &["require", "require-dev"]),
        "go.mod" => go,
        "pom.xml" => maven,
        "build.gradle" | "build.gradle.kts" => gradle,
        "Gemfile" => gem,
        _ if (name.starts_with("requirements") || name.starts_with("constraints"))
            && path.extension().is_some_and(|extension| ["txt", "in"].contains(&extension)) =>
        {
            pip
        }
        _ => return None,
    })
}

/// From the documentation of package.json at docs.npmjs.com.
const NPM_TABLES: [&str; 6] = [
    "dependencies",
    "devDependencies",
    "peerDependencies",
    "optionalDependencies",
    "overrides",
    "resolutions",
];

/// Most requirements of one dependency in one project description.
const MAX_FOUND: usize = 100;

/// Whether any manifest has been read.
pub(super) fn has_manifest(sources: &[Source<'_>]) -> bool {
    sources.iter().any(|source| finder(source.path).is_some())
}

/// Where the manifests ask for the dependency: source, range, requirement.
pub(super) fn requirements<'a>(sources: &[Source<'a>], name: &str) -> Vec<(Source<'a>, Range<usize>)> {
    let mut found = Vec::new();
    for source in sources {
        if let Some(find) = finder(source.path) {
            found.extend(find(source.text, name).into_iter().map(|range| (*source, range)));
        }
    }
    found
}

/// The edits that move every requirement of the dependency to the version.
pub(super) fn places<'a>(
    requirements: &[(Source<'a>, Range<usize>)],
    name: &str,
    from: Option<&str>,
    to: &str,
    direction: Direction,
) -> Result<Places<'a>, Stop> {
    let cannot = |why: String| Err(Stop::Cannot(why));
    let name = short(name);
    let mut places = Places::default();
    let mut versions: Vec<&str> = Vec::new();
    let mut manifests: Vec<&str> = Vec::new();
    for (source, range) in requirements {
        let requirement = &source.text[range.clone()];
        let Some(version) = version(requirement) else {
            return cannot(format!(
                "the requirement `{}` of `{name}` in `{}` is not one version",
                short(requirement),
                source.path
            ));
        };
        let bare = version.trim_start_matches('v');
        if !versions.contains(&bare) {
            versions.push(bare);
        }
        if from.is_some_and(|from| from.trim_start_matches(['v', '=', '^', '~']) != bare) {
            continue;
        }
        if source.protected {
            return cannot(format!("`{}` is protected", source.path));
        }
        let plain = to.trim_start_matches(['v', 'V']);
        if plain == bare {
            continue;
        }
        if is_go(source) && major(bare) != major(plain) && (major(plain) > 1 || major(bare) > 1) {
            return cannot(format!(
                "another major version of the Go module `{name}` has another import path"
            ));
        }
        let new_order = order(plain).cmp(&order(bare));
        if direction == Direction::Up && new_order.is_lt()
            || direction == Direction::Down && new_order.is_gt()
        {
            let wrong = if direction == Direction::Up { "older" } else { "newer" };
            return cannot(format!("`{name}` is at `{bare}`, and `{plain}` is {wrong}"));
        }
        let prefix = &requirement[..requirement.len() - version.len()];
        let v = if version.starts_with('v') { "v" } else { "" };
        places.changes.push(Change {
            source: source.path,
            range: range.clone(),
            new: format!("{prefix}{v}{plain}"),
        });
        if !manifests.contains(&source.path.as_str()) {
            manifests.push(source.path.as_str());
        }
    }
    if places.changes.is_empty() {
        let has = versions.join("`, `");
        return cannot(match from {
            Some(from) if !versions.contains(&to.trim_start_matches('v')) => {
                format!("`{name}` is at `{has}`, not at `{}`", short(from))
            }
            _ => format!("`{name}` is at `{has}` already"),
        });
    }
    if from.is_none() && versions.len() > 1 {
        return cannot(format!(
            "the manifests ask for different versions of `{name}`: `{}`",
            versions.join("`, `")
        ));
    }
    places.notes.push(
        "Lock files are protected and stay as they are: update them with the package manager.".to_owned(),
    );
    Ok(places)
}

/// The version of a requirement of one version with at most one operator that such a version can satisfy.
fn version(requirement: &str) -> Option<&str> {
    let start = requirement.find(|c: char| c.is_ascii_digit() || c == 'v')?;
    let (operator, version) = requirement.split_at(start);
    let known = ["", "^", "~", "=", "==", "===", ">=", "~=", "~>"].contains(&operator.trim());
    (known && is_version(version)).then_some(version)
}

fn is_go(source: &Source<'_>) -> bool {
    source.path.file_name() == "go.mod"
}

fn major(version: &str) -> u64 {
    order(version).first().copied().unwrap_or_default()
}

/// The numbers of a version, for comparing releases.
fn order(version: &str) -> Vec<u64> {
    let release = version.split(['-', '+']).next().unwrap_or_default();
    let mut numbers: Vec<u64> = release.split('.').map_while(|part| part.parse().ok()).collect();
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    numbers
}

/// The lines of a text with the byte where each starts.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |start, line| {
        let at = *start;
        *start += line.len();
        Some((at, line.trim_end_matches(['\n', '\r'])))
    })
}

/// The inside of the quoted string at the start of `text[at..]`.
fn string_at(text: &str, at: usize) -> Option<Range<usize>> {
    let quote = text[at..].chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let end = text[at + 1..].find(quote)?;
    let inside = at + 1..at + 1 + end;
    (!text[inside.clone()].contains(['\n', '\\'])).then_some(inside)
}

/// Tables whose header ends in `dependencies`: `name = "1"`, `name = { version = "1" }`, `[dependencies.name]`.
fn cargo(text: &str, name: &str) -> Vec<Range<usize>> {
    let same = |key: &str| key.trim().trim_matches(['"', '\'']).replace('_', "-") == name.replace('_', "-");
    let mut found = Vec::new();
    let mut section = "";
    for (start, line) in lines(text) {
        let content = line.trim_start();
        if let Some(header) = content.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            section = header.0.trim_matches(['[', ' ']);
            continue;
        }
        let Some((key, value)) = content.split_once('=').filter(|_| !content.starts_with('#')) else {
            continue;
        };
        let value_at = start + line.len() - value.trim_start().len();
        let table = section.rsplit('.').next().unwrap_or_default();
        let is_table = table.ends_with("dependencies");
        let own_table = section
            .rsplit_once('.')
            .is_some_and(|(parent, own)| parent.ends_with("dependencies") && same(own));
        if own_table && key.trim() == "version"
            || is_table && same(key.trim().trim_end_matches(".version")) && !key.contains(' ')
            || is_table && same(key)
        {
            let inline =
                text[value_at..].starts_with('{').then(|| inline_version(line, start, value_at)).flatten();
            found.extend(inline.or_else(|| string_at(text, value_at)));
        }
    }
    found
}

/// The string behind `version =` of an inline table.
fn inline_version(line: &str, start: usize, table: usize) -> Option<Range<usize>> {
    let table = table - start;
    let at = line[table..].match_indices("version").map(|(at, _)| table + at).find(|at| {
        line[..*at].trim_end().ends_with(['{', ',']) && line[at + 7..].trim_start().starts_with('=')
    })?;
    let value = line[at + 7..].trim_start().strip_prefix('=')?.trim_start();
    let string = string_at(line, line.len() - value.len())?;
    Some(start + string.start..start + string.end)
}

/// Requirements in quoted strings, and the tables of Poetry.
fn pyproject(text: &str, name: &str) -> Vec<Range<usize>> {
    let mut found = cargo(text, name);
    for (start, line) in lines(text) {
        if line.trim_start().starts_with('#') {
            continue;
        }
        let mut at = 0;
        while let Some(quote) = line[at..].find(['"', '\'']) {
            let Some(string) = string_at(line, at + quote) else { break };
            if let Some(range) = pep508(&line[string.clone()], name) {
                let base = start + string.start;
                found.push(base + range.start..base + range.end);
            }
            at = string.end + 1;
        }
    }
    found
}

fn pip(text: &str, name: &str) -> Vec<Range<usize>> {
    lines(text)
        .filter_map(|(start, line)| {
            let range = pep508(line, name)?;
            Some(start + range.start..start + range.end)
        })
        .collect()
}

/// The operator and version of a requirement as PEP 508 writes it; names compare as PEP 503 says.
fn pep508(requirement: &str, name: &str) -> Option<Range<usize>> {
    let plain = |name: &str| name.to_ascii_lowercase().replace(['_', '.'], "-");
    let start = requirement.len() - requirement.trim_start().len();
    let end = requirement[start..]
        .find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c))
        .map_or(requirement.len(), |length| start + length);
    if plain(&requirement[start..end]) != plain(name) {
        return None;
    }
    let mut at = end;
    if requirement[at..].starts_with('[') {
        at += requirement[at..].find(']')? + 1;
    }
    at += requirement[at..].len() - requirement[at..].trim_start().len();
    if !requirement[at..].starts_with(['=', '>', '<', '~', '!']) {
        return None;
    }
    let length = requirement[at..].find([';', '#', '\\']).unwrap_or(requirement.len() - at);
    Some(at..at + requirement[at..at + length].trim_end().len())
}

/// `"name": "requirement"` directly inside one of the tables.
fn json(text: &str, name: &str, tables: &[&str]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    let mut key: Option<&str> = None;
    let mut last: Option<&str> = None;
    let mut at = 0;
    while let Some(step) = text[at..].find(['"', '{', '}', '[', ']', ':', ',']) {
        at += step;
        match text.as_bytes()[at] {
            b'"' => {
                let Some(length) = string_length(&text[at + 1..]) else { break };
                let inside = at + 1..at + 1 + length;
                let value = &text[inside.clone()];
                match key.take() {
                    Some(key) if key == name && open.last().is_some_and(|table| tables.contains(table)) => {
                        found.push(inside.clone());
                    }
                    Some(_) => {}
                    None => last = Some(value),
                }
                at = inside.end;
            }
            b':' => key = last.take(),
            b'{' | b'[' => open.push(key.take().unwrap_or_default()),
            b'}' | b']' => {
                open.pop();
            }
            _ => key = None,
        }
        at += 1;
    }
    found
}

/// Bytes up to the quotation mark that ends a JSON string.
fn string_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|b| {
        let ends = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        ends
    })
}

/// `module v1.2.3`, alone or in a `require` block; the module by its path or by the end of it.
fn go(text: &str, name: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut block = "";
    for (start, line) in lines(text) {
        let code = line.split("//").next().unwrap_or_default();
        let mut words = code.split_whitespace();
        let mut first = words.next().unwrap_or_default();
        if code.trim_end().ends_with('(') {
            block = first;
            continue;
        }
        if first == ")" {
            block = "";
            continue;
        }
        let mut directive = block;
        if block.is_empty() {
            directive = first;
            first = words.next().unwrap_or_default();
        }
        let unversioned =
            first.rsplit_once("/v").filter(|(_, major)| major.bytes().all(|b| b.is_ascii_digit()));
        let path = unversioned.map_or(first, |(path, _)| path);
        let named = first == name || path == name || path.rsplit('/').next() == Some(name);
        if let Some(version) = words.next().filter(|_| directive == "require" && named)
            && let Some(at) = code.rfind(version)
        {
            found.push(start + at..start + at + version.len());
        }
    }
    found
}

/// The text between the first `<tag>` and its end within a range.
fn element(text: &str, within: Range<usize>, tag: &str) -> Option<Range<usize>> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let start = within.start + text[within.clone()].find(&open)? + open.len();
    let end = start + text[start..within.end].find(&close)?;
    let inside = text[start..end].trim();
    let lead = text[start..end].len() - text[start..end].trim_start().len();
    Some(start + lead..start + lead + inside.len())
}

/// `<dependency>`, `<plugin>` and `<parent>` with this artifact; a version by property is the property's.
fn maven(text: &str, name: &str) -> Vec<Range<usize>> {
    let (group, artifact) =
        name.split_once(':').map_or((None, name), |(group, artifact)| (Some(group), artifact));
    let mut found: Vec<Range<usize>> = Vec::new();
    for tag in ["dependency", "plugin", "parent"] {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        let mut at = 0;
        while let Some(step) = text[at..].find(&open) {
            let start = at + step + open.len();
            let Some(length) = text[start..].find(&close) else { break };
            let block = start..start + length;
            at = block.end;
            let is = |tag: &str, value: &str| {
                element(text, block.clone(), tag).is_some_and(|range| &text[range] == value)
            };
            if !is("artifactId", artifact) || group.is_some_and(|group| !is("groupId", group)) {
                continue;
            }
            let Some(version) = element(text, block.clone(), "version") else { continue };
            let property = text[version.clone()].strip_prefix("${").and_then(|name| name.strip_suffix('}'));
            let version = match property {
                Some(property) => match element(text, 0..text.len(), property) {
                    Some(range) => range,
                    None => version,
                },
                None => version,
            };
            if !found.contains(&version) {
                found.push(version);
            }
            if found.len() == MAX_FOUND {
                return found;
            }
        }
    }
    found
}

/// `'group:name:1.2.3'`, and `id("name") version "1.2.3"` of plugins.
fn gradle(text: &str, name: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (start, line) in lines(text) {
        if line.trim_start().starts_with("//") {
            continue;
        }
        let mut at = 0;
        while let Some(quote) = line[at..].find(['"', '\'']) {
            let Some(string) = string_at(line, at + quote) else { break };
            let value = &line[string.clone()];
            if let Some((module, version)) = value.rsplit_once(':')
                && (module == name || module.rsplit_once(':').is_some_and(|(_, artifact)| artifact == name))
                && module.contains(':')
            {
                found.push(start + string.end - version.len()..start + string.end);
            }
            at = string.end + 1;
            if value == name
                && let Some(rest) = line[at..].trim_start_matches([')', ' ']).strip_prefix("version")
                && let Some(version) = string_at(line, line.len() - rest.trim_start_matches([' ', '(']).len())
            {
                at = version.end + 1;
                found.push(start + version.start..start + version.end);
            }
        }
    }
    found
}

/// `gem "name", "~> 1.2"`; a second requirement makes it more than one version.
fn gem(text: &str, name: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (start, line) in lines(text) {
        let Some(rest) =
            line.trim_start().strip_prefix("gem").map(|rest| rest.trim_start_matches([' ', '(']))
        else {
            continue;
        };
        let Some(string) =
            string_at(line, line.len() - rest.len()).filter(|range| &line[range.clone()] == name)
        else {
            continue;
        };
        let after = line[string.end + 1..].trim_start();
        let Some(after) = after.strip_prefix(',').map(str::trim_start) else { continue };
        let Some(first) = string_at(line, line.len() - after.len()) else { continue };
        let more = line[first.end + 1..].trim_start().strip_prefix(',').map(str::trim_start);
        let second = more.and_then(|more| string_at(line, line.len() - more.len()));
        found.push(start + first.start..start + second.map_or(first.end, |second| second.end));
    }
    found
}
