//! A wish is *settled* when every place that it changes is known; then it can be written down as edits or a plan.

use super::files::{Places, Source, in_scope, line_of, path_of};
use super::grammar::{Direction, Instruction, Name, Spread, Wish};
use super::term::{self, short};
use super::{Stop, dependency, replace, reply, value};
use crate::language::Language;
use crate::path::RepoPath;

/// Longest title of a pull request, in characters, that a list of them shows whole.
const MAX_TITLE: usize = 72;

/// See the module's documentation.
pub(super) struct Settled<'a> {
    items: Vec<Item<'a>>,
}

struct Item<'a> {
    deed: Deed,
    line: Option<usize>,
    places: Places<'a>,
}

/// A wish with its reading decided.
enum Deed {
    Replace { old: String, new: String, spread: Spread },
    Set { key: String, from: Option<String>, to: String },
    Bump { name: String, from: Option<String>, to: String, direction: Direction },
}

/// Finds the places of every wish.
pub(super) fn settle<'a>(
    instructions: Vec<Instruction>,
    sources: &[Source<'a>],
) -> Result<Settled<'a>, Stop> {
    let items =
        instructions.into_iter().map(|instruction| item(instruction, sources)).collect::<Result<_, _>>()?;
    Ok(Settled { items })
}

fn item<'a>(instruction: Instruction, sources: &[Source<'a>]) -> Result<Item<'a>, Stop> {
    let Instruction { wish, paths, line, restriction, direction } = instruction;
    let paths: Vec<String> =
        paths.iter().filter_map(|word| path_of(word, sources)).map(str::to_owned).collect();
    let scope = in_scope(&paths, sources)?;
    let replaced = |old: String, new: String, spread| {
        let places = replace::places(&scope, &old, &new, spread, line)?;
        Ok::<_, Stop>((Deed::Replace { old, new, spread }, places))
    };
    let (deed, places) = match wish {
        Wish::ReplaceOrAssign { old, new } if value::is_key(&scope, &old) => {
            return Err(Stop::Cannot(format!(
                "`{}` can be a text to replace or a key to give the value `{}`; say `rename` or `set`",
                short(&old),
                short(&new)
            )));
        }
        Wish::ReplaceOrAssign { old, new } => replaced(old, new, Spread::Exact)?,
        Wish::Replace { old, new, spread } => replaced(old, new, spread)?,
        Wish::Assign { name, from, to } => {
            let requirements = if term::is_version(&to) {
                dependency::requirements(&scope, name.as_str())
            } else {
                Vec::new()
            };
            if requirements.is_empty() {
                if direction == Direction::Up && term::is_version(&to) {
                    look_for_manifest(&name, &scope)?;
                }
                let (places, key) =
                    value::places(&scope, !paths.is_empty(), &name, from.as_deref(), &to, line)?;
                (Deed::Set { key, from, to }, places)
            } else {
                let name = name.as_str().to_owned();
                let places = dependency::places(&requirements, &name, from.as_deref(), &to, direction)?;
                (Deed::Bump { name, from, to, direction }, places)
            }
        }
    };
    if let Some(restriction) = restriction
        && places.changes.len() > 1
    {
        return Err(Stop::Cannot(format!(
            "the issue restricts the change in words that were not understood (`{}`), and it has {} places",
            short(&restriction),
            places.changes.len()
        )));
    }
    Ok(Item { deed, line, places })
}

/// Before a name is taken for a key: a dependency of a workflow is protected, and manifests may not have been read.
fn look_for_manifest(name: &Name, sources: &[Source<'_>]) -> Result<(), Stop> {
    let uses = format!("uses: {}@", name.as_str());
    if let Some(source) = sources.iter().find(|source| source.protected && source.text.contains(&uses)) {
        return Err(Stop::Cannot(format!(
            "`{}` is used by `{}`, which is protected",
            name.as_str(),
            source.path
        )));
    }
    if name.as_str().starts_with("actions/") {
        return Err(Stop::Cannot(format!("`{}` is used by workflows, which are protected", name.as_str())));
    }
    if value::is_key(sources, name.as_str()) || dependency::has_manifest(sources) {
        return Ok(());
    }
    let mut manifests: Vec<RepoPath> = Vec::new();
    for language in sources.iter().filter_map(|source| Language::of(source.path)) {
        let manifest = match language {
            Language::Rust => "Cargo.toml",
            Language::JavaScript | Language::TypeScript | Language::Tsx => "package.json",
            Language::Python => "pyproject.toml",
            Language::Go => "go.mod",
            Language::Java => "pom.xml",
            Language::Kotlin => "build.gradle.kts",
            Language::Ruby => "Gemfile",
            Language::Php => "composer.json",
            _ => continue,
        };
        if let Ok(path) = RepoPath::parse(manifest)
            && !manifests.contains(&path)
        {
            manifests.push(path);
        }
    }
    if manifests.is_empty() { Ok(()) } else { Err(Stop::Read(manifests)) }
}

impl Deed {
    /// The wish as a sentence of the grammar, less the full stop, so that a plan can be read again.
    fn sentence(&self) -> String {
        match self {
            Self::Replace { old, new, spread: Spread::Exact } => {
                format!("Replace {} with {}", code(old), code(new))
            }
            Self::Replace { old, new, spread: Spread::AnyCase } => {
                format!("Correct the misspelling {} to {}", code(old), code(new))
            }
            Self::Set { key, from, to } => change("Set", key, from.as_deref(), to),
            Self::Bump { name, from, to, direction } => {
                let verb = if *direction == Direction::Up { "Bump" } else { "Pin" };
                change(verb, name, from.as_deref(), to)
            }
        }
    }

    fn risk(&self) -> &'static str {
        match self {
            Self::Replace { spread: Spread::AnyCase, .. } => {
                "A misspelt word can be meant: a name of an interface, a test's input, a quotation."
            }
            Self::Replace { .. } => {
                "The text can also stand in files that were not read, or be a name that others use."
            }
            Self::Set { .. } => "What relies on the old value behaves differently.",
            Self::Bump { .. } => "The new version can behave differently, and it has not been built here.",
        }
    }
}

fn change(verb: &str, name: &str, from: Option<&str>, to: &str) -> String {
    let from = from.map(|from| format!(" from {}", code(from))).unwrap_or_default();
    format!("{verb} {}{from} to {}", code(name), code(to))
}

/// A code span of Markdown that holds the text, whatever back ticks are in it.
fn code(text: &str) -> String {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let ticks = "`".repeat(longest + 1);
    let space = text.starts_with(' ') && text.ends_with(' ') && text.len() > 2;
    let pad = if longest > 0 || space { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// Files with the lines that change, ordered by path.
fn lines_by_file<'a>(item: &Item<'a>, sources: &[Source<'a>]) -> Vec<(&'a RepoPath, Vec<usize>)> {
    let mut files = std::collections::BTreeMap::<&RepoPath, Vec<usize>>::new();
    for change in &item.places.changes {
        if let Some(source) = sources.iter().find(|source| source.path == change.source) {
            files.entry(change.source).or_default().push(line_of(source.text, change.range.start));
        }
    }
    for lines in files.values_mut() {
        lines.sort_unstable();
        lines.dedup();
    }
    files.into_iter().collect()
}

fn numbers(lines: &[usize]) -> String {
    let all: Vec<String> = lines.iter().take(10).map(ToString::to_string).collect();
    let more = if lines.len() > all.len() { ", …" } else { "" };
    format!("line{} {}{more}", if lines.len() == 1 { "" } else { "s" }, all.join(", "))
}

impl Settled<'_> {
    /// The reply with the edits.
    pub(super) fn edits(&self, sources: &[Source<'_>]) -> Result<String, Stop> {
        let changes: Vec<_> =
            self.items.iter().flat_map(|item| item.places.changes.iter().cloned()).collect();
        let blocks = reply::blocks(sources, &changes)?;
        let title = self.title();
        let told = |item: &Item<'_>| {
            let files = lines_by_file(item, sources);
            let files =
                files.iter().map(|(path, lines)| format!("- {}, {}", code(path.as_str()), numbers(lines)));
            let sentence = item.deed.sentence();
            let head =
                if sentence == title { "As the issue asks, in:".to_owned() } else { format!("{sentence}:") };
            let paragraphs = [head, files.collect::<Vec<_>>().join("\n")];
            paragraphs.into_iter().chain(item.places.notes.iter().cloned()).collect::<Vec<_>>().join("\n\n")
        };
        let summary = self.items.iter().map(told).collect::<Vec<_>>().join("\n\n");
        Ok(format!("TITLE: {title}\nSUMMARY:\n{summary}\n{blocks}"))
    }

    fn title(&self) -> String {
        let title = match &self.items[..] {
            [item] => item.deed.sentence(),
            items
                if items
                    .iter()
                    .all(|item| matches!(item.deed, Deed::Replace { spread: Spread::AnyCase, .. })) =>
            {
                "Correct misspelt words".to_owned()
            }
            items => format!("Make {} small changes", items.len()),
        };
        if title.chars().count() <= MAX_TITLE {
            return title;
        }
        match &self.items[0].deed {
            Deed::Replace { .. } => "Replace a text".to_owned(),
            Deed::Set { .. } => "Change a value".to_owned(),
            Deed::Bump { .. } => "Bump a dependency".to_owned(),
        }
    }

    /// The plan, in Markdown.
    pub(super) fn plan(&self, sources: &[Source<'_>]) -> String {
        let mut steps = Vec::new();
        let mut risks: Vec<&str> = Vec::new();
        let mut summary = Vec::new();
        let mut reasons = std::collections::BTreeMap::<&RepoPath, Vec<String>>::new();
        for (index, item) in self.items.iter().enumerate() {
            let sentence = item.deed.sentence();
            let mut names = Vec::new();
            for (path, lines) in lines_by_file(item, sources) {
                reasons.entry(path).or_default().push(format!("{sentence} ({})", numbers(&lines)));
                names.push(code(path.as_str()));
            }
            let line = item.line.map(|line| format!(" on line {line}")).unwrap_or_default();
            steps.push(format!("{}. {sentence}{line} in {}.", index + 1, names.join(", ")));
            summary.push(format!("{sentence}."));
            summary.extend(item.places.notes.iter().cloned());
            if !risks.contains(&item.deed.risk()) {
                risks.push(item.deed.risk());
            }
        }
        let files = reasons
            .iter()
            .map(|(path, reasons)| format!("- {}: {}", code(path.as_str()), reasons.join("; ")));
        format!(
            "## Summary\n\n{}\n\n## Files\n\n{}\n\n## Steps\n\n{}\n\n## Tests\n\n- The project's own tests cover the \
             change; it adds no behaviour that needs a new one.\n\n## Risks\n\n- {}\n\n## Questions\n\nNone.\n",
            summary.join(" "),
            files.collect::<Vec<_>>().join("\n"),
            steps.join("\n"),
            risks.join("\n- ")
        )
    }
}
