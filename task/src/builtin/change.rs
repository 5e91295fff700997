//! A *change* is what requests come to in the files of a commit: all of it, or nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use super::places::{Finder, Places};
use super::request::{Request, Verb};
use super::{Ask, Declined, bump, regex, setting};
use crate::context::more::near;
use crate::context::read_set::{ReadFile, ReadSet};
use crate::context::role::{Omission, Role};
use crate::context::scan::{Hit, scan};
use crate::outbound::markup::code_span;
use crate::patch::{MAX_EDITS, MAX_FILES, Patch};
use crate::path::RepoPath;
use crate::protocol::{Action, Edit};

/// Names of files that tell of the past.
const CHRONICLE: &str = r"(?i)(?:^|/)(?:changelog|changes|history|news|release)[^/]*$";

/// See the module's documentation.
#[derive(Default)]
pub struct Change {
    pub title: String,
    /// Markdown.
    pub summary: String,
    /// What it is, in the sections of a plan; its steps are requests that come to the same change.
    pub plan: String,
    /// The files that are changed, as they were; where nothing is, those that are as they should be.
    pub read: ReadSet,
    /// What is as it is asked to be, and so is not changed.
    pub done: Vec<Done>,
    after: BTreeMap<RepoPath, String>,
}

/// A place of a file that is as a request wants it.
pub struct Done {
    pub path: RepoPath,
    /// From 1.
    pub line: usize,
    /// What the place says, a clause.
    pub clause: String,
}

type Files = BTreeMap<RepoPath, (ReadFile, Places)>;

impl Change {
    /// Finds the places of all requests and puts the new texts there.
    pub(super) fn new(ask: &Ask<'_>, requests: &[Request]) -> Result<Self, Declined> {
        let (mut all, mut notes, mut steps) = (Files::new(), Vec::new(), Vec::new());
        let (mut texts, mut carried_out) = (BTreeSet::new(), Vec::new());
        let (mut change, mut finished) = (Self::default(), Vec::new());
        for request in requests {
            let new = Some(&request.to).filter(|_| matches!(request.verb, Verb::Replace | Verb::FixTypo));
            if !texts.insert(&request.subject) || new.is_some_and(|text| !texts.insert(text)) {
                let subject = code_span(&request.subject);
                return Declined::new(format!("more than one request is about {subject}"));
            }
            let (files, done) = find(ask, request, &mut notes)?;
            for (path, (file, line, clause)) in done {
                change.done.push(Done { path: path.clone(), line, clause });
                finished.push((path, file));
            }
            if files.is_empty() {
                continue;
            }
            carried_out.push(request);
            let number = carried_out.len();
            steps.push(format!("{number}. {} in {}.", request.words(usize::MAX), list(files.keys())));
            for (path, (file, places)) in files {
                all.entry(path).or_insert((file, Places::default())).1.changed.extend(places.changed);
            }
        }
        let places: usize = all.values().map(|(_, places)| places.changed.len()).sum();
        if all.len() > MAX_FILES || places > MAX_EDITS {
            return Declined::new(format!("{places} places in {} files are too much to review", all.len()));
        }
        let Some((first, rest)) = carried_out.split_first() else {
            for (path, mut file) in finished {
                "it has what the issue asks for".clone_into(&mut file.why);
                change.read.insert(path, file);
            }
            return Ok(change);
        };
        notes.extend(change.done.iter().map(|done| format!("{}.", done.sentence())));
        let mut listed = Vec::new();
        for (path, (file, places)) in all {
            let lines = change.apply(&path, file, places)?;
            listed.push(format!("- {}: {lines}", code_span(path.as_str())));
        }
        let rest = rest.len();
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        // The subject line of a commit has 72 characters.
        let mut titles = [usize::MAX, 24, 16, 10].into_iter().map(|most| first.words(most) + &rest);
        change.title = titles.find(|title| title.chars().count() <= 72).unwrap_or_default();
        let (listed, steps) = (listed.join("\n"), steps.join("\n"));
        // A small change has a small plan: a section that would say "none" is left out.
        let notes_of_plan =
            if notes.is_empty() { String::new() } else { format!("\n## Risks\n\n{}\n", notes.join("\n\n")) };
        change.plan = format!(
            "## Summary\n\n{}.\n\n## Files\n\n{listed}\n\n## Steps\n\n{steps}\n{notes_of_plan}",
            change.title
        );
        let said = [vec![format!("Changed, as requested:\n\n{listed}")], notes].concat();
        change.summary = said.join("\n\n");
        Ok(change)
    }

    /// The change as edits, each a whole file.
    pub fn edits(&self) -> Vec<Edit> {
        let write = |content: &String| Action::Write { content: content.clone() };
        let files = self.after.iter();
        files.map(|(path, text)| Edit { path: path.to_string(), line: 1, action: write(text) }).collect()
    }

    /// Whether a patch is this change to the byte.
    pub fn is(&self, patch: &Patch) -> bool {
        let wanted = self.after.iter().map(|(path, content)| (path, Some(content.as_bytes())));
        wanted.eq(patch.changes().iter().map(|change| (change.path(), change.after())))
    }

    /// Whether all that is asked for is there already.
    pub fn is_done(&self) -> bool {
        self.after.is_empty() && !self.done.is_empty()
    }

    /// Puts the new texts into a file; which lines that changes.
    fn apply(&mut self, path: &RepoPath, mut file: ReadFile, mut places: Places) -> Result<String, Declined> {
        let shown = code_span(path.as_str());
        let text = String::from_utf8(file.content.clone());
        let mut text = text.or_else(|_| Declined::new(format!("{shown} is not UTF-8")))?;
        places.changed.sort_by_key(|(range, _)| range.start);
        if places.changed.windows(2).any(|pair| pair[1].0.start < pair[0].0.end) {
            return Declined::new(format!("the requests overlap in {shown}"));
        }
        let number = |at: usize| (text[..at].matches('\n').count() + 1).to_string();
        let mut lines: Vec<String> = places.changed.iter().map(|(range, _)| number(range.start)).collect();
        lines.dedup();
        for (range, new) in places.changed.into_iter().rev() {
            text.replace_range(range, &new);
        }
        "it has what the issue asks to change".clone_into(&mut file.why);
        self.read.insert(path.clone(), file);
        self.after.insert(path.clone(), text);
        Ok(format!("{} {}", if lines.len() == 1 { "line" } else { "lines" }, lines.join(", ")))
    }
}

impl Done {
    /// Without a full stop.
    fn sentence(&self) -> String {
        format!("{} (line {} of {})", self.clause, self.line, code_span(self.path.as_str()))
    }
}

/// Files that are as a request wants them: a line that shows it, and what it says.
type Finished = BTreeMap<RepoPath, (ReadFile, usize, String)>;

/// The files that a request changes, all of them, with the places, and those that need no change; the notes say what it
/// leaves.
fn find(ask: &Ask<'_>, request: &Request, notes: &mut Vec<String>) -> Result<(Files, Finished), Declined> {
    let Request { verb, subject, to, files, .. } = request;
    let scope = files.iter().map(|file| named(ask, file)).collect::<Result<BTreeSet<RepoPath>, _>>()?;
    let (everywhere, is_bump) = (scope.is_empty(), *verb == Verb::Bump);
    let (shown, finder) = (code_span(subject), Finder::new(subject, to));
    let (manifest, past) = (regex(bump::MANIFEST), regex(CHRONICLE));
    let is_searched = |path: &RepoPath| !is_bump || manifest.is_match(path.as_str());
    let wanted = |path: &RepoPath| if everywhere { is_searched(path) } else { scope.contains(path) };
    let look = |path: &RepoPath, text: &str| {
        let found = match verb {
            Verb::Set => setting::find(text, path, request),
            Verb::Bump => bump::find(text, path, request),
            Verb::Replace | Verb::FixTypo => Ok(finder.find(text)),
        };
        Some(found).filter(|found| *found != Ok(Places::default()))
    };
    let found = scan(ask.repo, ask.walk, wanted, look).map_err(|error| Declined(error.to_string()))?;
    let (mut files, mut left, mut blocked) = (Files::new(), BTreeMap::new(), Vec::new());
    let mut finished = Finished::new();
    for Hit { path, found, file } in found.hits {
        let places = found?;
        if let (Some((line, clause)), Ok(file)) = (&places.done, &file)
            && places.changed.is_empty()
        {
            finished.insert(path.clone(), (file.clone(), *line, clause.clone()));
        }
        places.left.iter().for_each(|(place, count)| *left.entry(place.clone()).or_insert(0) += count);
        let role = ask.walk.get(&path).and_then(|entry| entry.role.ok());
        let obstacle = match (ask.protection.reason(&path), role) {
            _ if places.is_broken => Some("split over lines or written with escapes".to_owned()),
            (Some(reason), _) => Some(reason.to_string()),
            _ if everywhere && past.is_match(path.as_str()) => Some("tells of the past".to_owned()),
            (_, Some(Role::Test | Role::Example)) if everywhere && is_bump => Some("test data?".to_owned()),
            _ => file.as_ref().err().map(ToString::to_string),
        };
        match (file, obstacle) {
            _ if places.changed.is_empty() && !places.is_broken => {}
            (Ok(file), None) => _ = files.insert(path, (file, places)),
            (_, why) => blocked.push(format!("{} ({})", code_span(path.as_str()), why.unwrap_or_default())),
        }
    }
    let hint = match files.len() {
        0 => "it has to be changed by hand".to_owned(),
        _ => format!("name the files to change: {} in {}", request.words(usize::MAX), list(files.keys())),
    };
    let declined = |why: &str| Declined::new(format!("{shown} {why}; {hint}"));
    let is_partial = everywhere && ask.walk.left_out().contains_key(&Omission::UnusablePath);
    if !blocked.is_empty() {
        return declined(&format!("is also where I don't change it: {}", blocked.join(", ")));
    } else if !found.unseen.is_empty() || is_partial {
        return declined("can't be searched for in every file: some are too large or have unusual names");
    }
    let missing = scope.iter().find(|path| !files.contains_key(path) && !finished.contains_key(path));
    let missing = missing.map(|path| code_span(path.as_str()));
    let is_done = files.is_empty() && !finished.is_empty() && left.is_empty();
    if missing.is_some() || (files.is_empty() && !is_done) {
        let place = missing.as_deref().unwrap_or(if is_bump { "any manifest" } else { "any text file" });
        return Declined::new(match left.keys().map(String::as_str).collect::<Vec<_>>().join(" and ") {
            nothing if nothing.is_empty() => format!("{shown} was not found in {place}"),
            elsewhere => format!("{shown} was only found {elsewhere}, not on its own in {place}"),
        });
    }
    if matches!(verb, Verb::Replace | Verb::FixTypo) {
        let is_name = |part: &str| part == subject || part.split('.').next() == Some(subject);
        let mut paths = ask.walk.entries().iter().map(|entry| entry.path.as_str()).filter(|_| everywhere);
        if let Some(path) = paths.find(|path| path.split('/').any(is_name)) {
            return declined(&format!("is also the name of {}, and I don't rename files", code_span(path)));
        } else if merges_names(ask, &files, request)? {
            return declined(&format!("would become {}, which is a name in the code already", code_span(to)));
        }
    }
    notes.extend(left.iter().map(|(place, count)| match count {
        1 => format!("{shown}: 1 occurrence {place} was left unchanged."),
        _ => format!("{shown}: {count} occurrences {place} were left unchanged."),
    }));
    if is_bump && !files.is_empty() {
        notes.push("Only manifests are changed. Update lock files with the package manager.".to_owned());
    }
    Ok((files, finished))
}

/// A file that a request names.
fn named(ask: &Ask<'_>, file: &str) -> Result<RepoPath, Declined> {
    let path = RepoPath::parse(file).or_else(|why| Declined::new(format!("{}: {why}", code_span(file))))?;
    let alike = near(ask.walk, &path);
    match ask.walk.get(&path) {
        Some(_) => Ok(path),
        None if alike.is_empty() => Declined::new(format!("there is no file {}", code_span(file))),
        None => Declined::new(format!("there is no file {}; similar: {}", code_span(file), list(&alike))),
    }
}

/// Whether the old text is a name that changed code declares, or uses, and the new one is a name in code already.
fn merges_names(ask: &Ask<'_>, files: &Files, request: &Request) -> Result<bool, Declined> {
    let (old, new) = (request.subject.as_str(), request.to.as_str());
    let code = [Ok(Role::Source), Ok(Role::Test), Ok(Role::Example)];
    let is_code = |path: &RepoPath| ask.walk.get(path).is_some_and(|entry| code.contains(&entry.role));
    let name = regex::escape(old);
    let declared = regex(&format!(r"\b(?:fn|func|function|def|class|struct|enum|type)\b[^=\n]*\b{name}\b"));
    let used = regex(&format!(r"{name}\s*\(|^\w*(?:_|\d|[a-z][A-Z])\w*$"));
    let is_name = |(path, (file, _)): (&RepoPath, &(ReadFile, Places))| {
        let text = String::from_utf8_lossy(&file.content);
        let is_used = request.files.is_empty() && (used.is_match(&text) || used.is_match(old));
        is_code(path) && (is_used || declared.is_match(&text))
    };
    let (finder, found) = (Finder::new(new, old), AtomicBool::new(false));
    let look = |_: &RepoPath, text: &str| -> Option<()> {
        found.fetch_or(!finder.find(text).changed.is_empty(), Ordering::Relaxed);
        None
    };
    if regex(r"^\w+$").is_match(new) && files.iter().any(is_name) {
        scan(ask.repo, ask.walk, is_code, look).map_err(|error| Declined(error.to_string()))?;
    }
    Ok(found.into_inner())
}

fn list<'a>(paths: impl IntoIterator<Item = &'a RepoPath>) -> String {
    paths.into_iter().map(|path| code_span(path.as_str())).collect::<Vec<_>>().join(", ")
}
