//! A *prompt* is an ask in words. The words are in `task/prompts`; what strangers wrote only ever enters as a value,
//! inside a fence that its text cannot close.

use minijinja::context;
use sha2::{Digest as _, Sha256};
use shared::hex;
use shared::issue::IssueId;

use crate::context::pack::Context;
use crate::context::read_set::{ReadFile, Shown};
use crate::context::role::Omission;
use crate::issue::Issue;
use crate::llm::Guidance;
use crate::outbound::{masked, without_tokens};
use crate::path::RepoPath;
use crate::protocol::ask::{Broken, Goal};
use crate::protocol::{has_markers, other_markers};
use crate::templates::Templates;

/// Requests of one answer that are looked at.
pub const MAX_REQUESTS: usize = 10;
/// What stands in the instructions and in the worked example as a path. None of it is a path of a repository, and a small
/// model copies it.
const EXAMPLES: [&str; 2] = ["worked-example/not-in-your-repository/", "path/of/"];
/// Hexadecimal digits of a fence's word.
const NONCE_DIGITS: usize = 12;

/// Whether a path is one of the instructions and not of a repository.
pub fn is_of_example(path: &str) -> bool {
    let path = path.trim_start_matches("./");
    EXAMPLES.iter().any(|example| path.starts_with(example))
}

/// What the model is told that it may ask to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    Nothing,
    /// Files by their names: what there is room for in a small window.
    Files,
    /// All kinds of requests.
    All,
}

/// What was looked up for the model, and what it should do now.
#[derive(Clone, Copy, Debug)]
pub struct More<'a> {
    /// What was read of which files, in order.
    pub files: &'a [(RepoPath, Shown)],
    /// One text for each request.
    pub answers: &'a [String],
    /// Whether nothing more can be shown.
    pub is_last: bool,
    /// Whether the model had all of it before.
    pub is_stale: bool,
    /// Whether the answer also had edits, which are dropped.
    pub has_edits: bool,
}

/// The fences of one run's prompts. Their word is a hash of everything that they will hold, so no author can know it
/// beforehand.
pub(crate) struct Fences {
    nonce: String,
}

impl Fences {
    /// `hash` has gone over everything that they will hold.
    pub(crate) fn of(hash: Sha256) -> Self {
        let mut nonce = hex::text(&hash.finalize());
        nonce.truncate(NONCE_DIGITS);
        Self { nonce }
    }

    /// Their word.
    pub(crate) fn word(&self) -> &str {
        &self.nonce
    }

    /// A text between fences.
    pub(crate) fn around(&self, text: &str) -> String {
        self.between("", text)
    }

    /// A file between fences. Its path is no word of ours either; models find it most easily where an info string stands.
    pub(crate) fn around_file(&self, path: &RepoPath, text: &str) -> String {
        self.between(&format!(" {path}"), text)
    }

    fn between(&self, info: &str, text: &str) -> String {
        // Only a text that quotes this very run could hold the word: the word is a hash over the text.
        let clean = |text: &str| {
            // What a provider was sent cannot be taken back.
            without_tokens(&text.replace(&self.nonce, "(removed)")).to_string()
        };
        let (info, text) = (clean(info), clean(text));
        let end = if text.ends_with('\n') { "" } else { "\n" };
        format!("[{nonce}{info}\n{text}{end}{nonce}]", nonce = self.nonce)
    }
}

/// The conflicts of a merge, and what both sides want.
#[derive(Clone, Copy, Debug)]
pub struct Conflicts<'a> {
    pub lines: &'a [ConflictLines],
    /// What the branch changes, as a diff.
    pub ours: &'a str,
    /// What its base has changed since, as a diff.
    pub theirs: &'a str,
    /// The subjects of the base's commits since then, one a line.
    pub subjects: &'a str,
}

/// One of them, with the lines around it.
#[derive(Clone, Debug)]
pub struct ConflictLines {
    /// By which the answer names it.
    pub name: String,
    pub path: RepoPath,
    pub above: String,
    pub base: String,
    pub ours: String,
    pub theirs: String,
    pub below: String,
}

/// Puts asks into words. One for a run, so that all its fences carry the same word.
pub struct Prompter {
    templates: Templates,
    fences: Fences,
    guidance: Guidance,
}

impl Prompter {
    /// `more` is what its fences hold beside issue and files.
    pub fn new(issue: &Issue, context: &Context, more: &[&str], guidance: Guidance) -> Self {
        let mut hash = Sha256::new_with_prefix(issue.digest());
        for (path, file) in context.read.iter() {
            hash.update(path.as_str());
            hash.update(file.blob.as_bytes());
        }
        Self::over(hash, more, guidance)
    }

    /// The same where no file is read as a whole.
    pub fn of_texts(issue: &Issue, texts: &[&str], guidance: Guidance) -> Self {
        Self::over(Sha256::new_with_prefix(issue.digest()), texts, guidance)
    }

    fn over(mut hash: Sha256, more: &[&str], guidance: Guidance) -> Self {
        for text in more {
            hash.update(text);
        }
        let templates = Templates::of([
            ("edit", include_str!("../prompts/edit.md")),
            ("follow", include_str!("../prompts/follow.md")),
            ("plan", include_str!("../prompts/plan.md")),
            ("example", include_str!("../prompts/example.md")),
            ("material", include_str!("../prompts/material.md")),
            ("choose", include_str!("../prompts/choose.md")),
            ("candidates", include_str!("../prompts/candidates.md")),
            ("more", include_str!("../prompts/more.md")),
            ("requests", include_str!("../prompts/requests.md")),
            ("correct", include_str!("../prompts/correct.md")),
            ("merge", include_str!("../prompts/merge.md")),
            ("conflicts", include_str!("../prompts/conflicts.md")),
        ]);
        Self { templates, fences: Fences::of(hash), guidance }
    }

    /// The standing instructions for a goal.
    pub fn system(&self, goal: Goal<'_>, offer: Offer) -> String {
        let name = match goal {
            Goal::Edit | Goal::Execute { .. } | Goal::Repair(_) => "edit",
            Goal::Plan | Goal::Revise { .. } => "plan",
            Goal::Follow(_) => "follow",
        };
        let offer = match offer {
            Offer::Nothing => "nothing",
            Offer::Files => "files",
            Offer::All => "all",
        };
        let requests = self.templates.render("requests", context! { offer, max_requests => MAX_REQUESTS });
        let repair = matches!(goal, Goal::Repair(_));
        self.templates.render(name, context! { nonce => self.fences.word(), requests, repair })
    }

    /// A question and its answer, to go before the first message, where the model needs to see the form in use.
    ///
    /// A model of 1.5 billion parameters that was only told the form copied its placeholders, or wrote prose; after one
    /// such turn it kept the form. An example within the instructions it takes for a part of the issue.
    pub fn example(&self, goal: Goal<'_>) -> Option<(String, &'static str)> {
        match (self.guidance, goal) {
            (Guidance::Shown, Goal::Edit | Goal::Execute { .. } | Goal::Repair(_)) => {
                let question = self.templates.render("example", context! { nonce => self.fences.word() });
                Some((question, include_str!("../prompts/example_answer.md")))
            }
            _ => None,
        }
    }

    /// The first message: everything that was read, the issue, and what is wanted.
    ///
    /// `unreadable` are files that the issue names and that nobody can be shown, each with the reason.
    pub fn material(
        &self,
        issue: &Issue,
        context: &Context,
        goal: Goal<'_>,
        unreadable: &[(RepoPath, Omission)],
    ) -> String {
        let (plan_heading, plan, feedback, task) = match goal {
            Goal::Edit => ("", None, None, "Resolve the issue now, in the form that was asked for."),
            Goal::Plan => ("", None, None, "Plan the change now, in the form that was asked for."),
            Goal::Revise { plan, feedback } => (
                "The plan so far:",
                Some(plan),
                Some(feedback),
                "Write the whole plan again, with what the maintainer said taken into account.",
            ),
            Goal::Execute { plan } => (
                "The plan that a maintainer approved; carry it out, no more and no less:",
                Some(plan),
                None,
                "Carry out the plan now, in the form that was asked for.",
            ),
            Goal::Repair(Broken { plan, .. }) => (
                "The plan that a maintainer approved and that the change carries out:",
                plan,
                None,
                "Repair the change now, so that these checks pass, in the form that was asked for.",
            ),
            Goal::Follow(_) => {
                ("", None, None, "Answer each numbered comment now, in the form that was asked for.")
            }
        };
        let follow = match goal {
            Goal::Follow(follow) => Some(follow),
            _ => None,
        };
        let broken = match goal {
            Goal::Repair(Broken { evidence, diff, .. }) => Some((self.fence(diff), self.fence(evidence))),
            _ => None,
        };
        let (diff, evidence) = broken.unzip();
        // Their paths are those of a list of ours. In the fence a small model takes them for files to change.
        let instructions: Vec<_> = context
            .instructions
            .iter()
            .map(|note| context! { path => note.path.as_str(), text => self.fence(&note.text) })
            .collect();
        let map = context.map.as_str();
        let unreadable: Vec<String> =
            unreadable.iter().map(|(path, why)| format!("{path}: {}", why.clause())).collect();
        self.templates.render(
            "material",
            context! {
                instructions,
                map => (!map.is_empty()).then(|| self.fence(map)),
                files => self.files(context.read.iter()),
                reference => issue.id.as_ref().map(IssueId::reference),
                issue => self.issue(issue),
                unreadable => (!unreadable.is_empty()).then(|| self.fence(&unreadable.join("\n"))),
                plan_heading,
                plan => plan.map(|plan| self.fence(plan)),
                feedback => feedback.map(|feedback| self.fence(feedback)),
                diff,
                evidence,
                change => follow.map(|follow| self.fence(follow.change)),
                said => follow.map(|follow| self.fence(follow.said)),
                task,
            },
        )
    }

    /// The question which of `candidates`, at most `most`, to read: standing instructions, and the first message.
    pub fn choose(&self, issue: &Issue, candidates: &str, most: usize) -> (String, String) {
        let system = self.templates.render("choose", context! { nonce => self.fences.word(), most });
        let values = context! {
            files => self.fence(candidates),
            reference => issue.id.as_ref().map(IssueId::reference),
            issue => self.issue(issue),
        };
        (system, self.templates.render("candidates", values))
    }

    /// The question how the conflicts of a merge are settled: standing instructions, and the first message.
    pub fn merge(&self, issue: &Issue, question: &Conflicts<'_>) -> (String, String) {
        let fenced = |text: &str| (!text.is_empty()).then(|| self.fence(text));
        let conflict = |lines: &ConflictLines| {
            context! {
                name => lines.name.as_str(),
                path => self.fence(lines.path.as_str()),
                above => fenced(&lines.above),
                base => fenced(&lines.base),
                ours => fenced(&lines.ours),
                theirs => fenced(&lines.theirs),
                below => fenced(&lines.below),
            }
        };
        let values = context! {
            reference => issue.id.as_ref().map(IssueId::reference),
            issue => self.issue(issue),
            ours => fenced(question.ours),
            theirs => fenced(question.theirs),
            subjects => fenced(question.subjects),
            conflicts => question.lines.iter().map(conflict).collect::<Vec<_>>(),
        };
        let system = self.templates.render("merge", context! { nonce => self.fences.word() });
        (system, self.templates.render("conflicts", values))
    }

    /// Title and text, fenced.
    fn issue(&self, issue: &Issue) -> String {
        self.fence(&format!("{}\n\n{}", issue.title.as_str(), issue.body.as_str()))
    }

    /// What the model asked to see.
    pub fn more(&self, context: &Context, more: &More<'_>) -> String {
        let read = more.files.iter().filter_map(|(path, lines)| {
            let file = context.read.get(path)?;
            Some(self.file(path, file, lines))
        });
        let notes = (!more.answers.is_empty()).then(|| self.fence(&more.answers.join("\n\n")));
        self.templates.render(
            "more",
            context! {
                files => read.collect::<Vec<_>>(),
                notes,
                last => more.is_last,
                stale => more.is_stale,
                unused => more.has_edits,
            },
        )
    }

    /// What was wrong with the answer, of which so many edits stand.
    pub fn correct(&self, complaint: &str, kept: usize) -> String {
        // It quotes names and lines of files.
        self.templates.render("correct", context! { complaint => self.fence(complaint), kept })
    }

    fn files<'a>(&self, files: impl Iterator<Item = (&'a RepoPath, &'a ReadFile)>) -> Vec<minijinja::Value> {
        files.map(|(path, file)| self.file(path, file, &file.shown)).collect()
    }

    fn file(&self, path: &RepoPath, file: &ReadFile, lines: &Shown) -> minijinja::Value {
        let (notes, text) = shown(file, lines);
        context! { notes => notes.join("; "), text => self.fences.around_file(path, &text) }
    }

    fn fence(&self, text: &str) -> String {
        self.fences.around(text)
    }
}

/// What the model sees of a file, all of it or numbered lines, and what it cannot see there.
fn shown(file: &ReadFile, lines: &Shown) -> (Vec<String>, String) {
    let content = String::from_utf8_lossy(&file.content);
    let text = content.strip_prefix('\u{feff}').unwrap_or(&content);
    let mut notes = Vec::new();
    if text.len() < content.len() {
        notes.push("begins with a byte order mark".to_owned());
    }
    if !text.is_empty() && !text.ends_with('\n') {
        notes.push("no newline at the end of the file".to_owned());
    }
    if has_markers(text.lines())
        && let Some(markers) = other_markers(text.lines())
    {
        notes.push(format!("has lines that look like markers: its blocks need {markers}"));
    }
    let Shown::Lines(ranges) = lines else { return (notes, text.to_owned()) };
    // A part of a secret has no look of its own.
    let text = masked(text);
    let lines: Vec<&str> = text.lines().collect();
    let width = lines.len().to_string().len();
    let mut parts = Vec::new();
    let mut names = Vec::new();
    for &(from, to) in ranges {
        let numbered: Vec<String> = (from..=to.min(lines.len()))
            .map(|number| format!("{number:>width$}| {}", lines[number - 1]))
            .collect();
        parts.push(numbered.join("\n"));
        names.push(format!("{from}-{to}"));
    }
    notes.insert(0, format!("excerpt: lines {} of {}", names.join(", "), lines.len()));
    notes.insert(1, "line numbers are not part of the file".to_owned());
    (notes, parts.join("\n...\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::read_set::FileMode;

    #[test]
    fn the_paths_of_the_example_and_of_the_form_are_recognized() {
        use crate::protocol::{Answer, Paths};

        let answer = Answer::read(include_str!("../prompts/example_answer.md"), &Paths::default());
        let edits = answer.edits.unwrap();
        assert!(edits.iter().all(|edit| is_of_example(&edit.path)), "{edits:?}");
        assert!(include_str!("../prompts/example.md").contains(EXAMPLES[0]));
        assert_eq!(answer.title.as_deref(), Some("Greet by name"));
        for form in [
            include_str!("../prompts/edit.md"),
            include_str!("../prompts/plan.md"),
            include_str!("../prompts/follow.md"),
        ] {
            assert!(form.contains("path/of/"), "{form}");
        }
        assert!(!is_of_example("app/greeting.py") && !is_of_example("path/other.rs"));
    }

    #[test]
    fn what_cannot_be_seen_of_a_file_is_said_of_it() {
        let file = |content: &str, shown: Shown| {
            let blob = gix::ObjectId::null(gix::hash::Kind::Sha1);
            let (content, mode) = (content.as_bytes().to_vec(), FileMode::Regular);
            ReadFile { content, blob, mode, shown, why: String::new() }
        };
        let whole = || Shown::Whole;
        for (content, ranges, notes, text) in [
            ("a\nb\n", whole(), "", "a\nb\n"),
            ("", whole(), "", ""),
            ("a", whole(), "no newline at the end of the file", "a"),
            ("\u{feff}a", whole(), "begins with a byte order mark; no newline at the end of the file", "a"),
            (
                "Title\n=======\n",
                whole(),
                "has lines that look like markers: its blocks need `<<<<<<<<< SEARCH`, `=========`, `>>>>>>>>> REPLACE`",
                "Title\n=======\n",
            ),
            (
                "=======\n=========\n",
                whole(),
                "has lines that look like markers: its blocks need `<<<<<<<< SEARCH`, `========`, `>>>>>>>> REPLACE`",
                "=======\n=========\n",
            ),
            ("Title\n=====\n", whole(), "", "Title\n=====\n"),
            (
                "a\nb\nc",
                Shown::Lines(vec![(2, 2)]),
                "excerpt: lines 2-2 of 3; line numbers are not part of the file; no newline at the end of the file",
                "2| b",
            ),
        ] {
            let (found, shown) = shown(&file(content, ranges.clone()), &ranges);
            assert_eq!((found.join("; ").as_str(), shown.as_str()), (notes, text), "{content:?}");
        }
    }
}
