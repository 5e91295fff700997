//! What becomes of the files that both sides have changed: which merge the agent does not make, and what the model is asked.

use super::{Base, Merging, bill};
use crate::bill::Bill;
use crate::context::secret_names;
use crate::cycle::{Dispute, Settled};
use crate::engine::Engine;
use crate::forge::model::ChangedFile;
use crate::llm::Ledger;
use crate::merge::{Merged, MergedFile};
use crate::outbound::markup::code_span;
use crate::outcome::{Failure, Reason};
use crate::parser::Parsers;
use crate::run::desk::Desk;
use crate::run::ended::Stop;
use crate::run::settings::Terms;
use crate::run::work::Job;
use crate::run::{asking, conversation};
use crate::text::Raw;

/// Files with conflicts that the model settles, at most.
const MAX_FILES: usize = 10;
/// Lines of all conflicts, those of both sides, at most.
const MAX_LINES: usize = 400;
/// Subjects of commits of the base that the model is shown, the newest ones.
const MAX_SUBJECTS: usize = 50;
/// Characters of a subject.
const MAX_SUBJECT: usize = 120;
/// Characters of what the model says of its conflicts.
const MAX_SUMMARY: usize = 3_000;
/// Characters of a note.
const MAX_NOTE: usize = 600;
/// The longest that files are parsed that were merged without a conflict.
const CHECK_TIME: std::time::Duration = std::time::Duration::from_secs(20);

/// What stands in the way of a merge.
pub(super) struct Obstacle {
    /// `None` for what is about all of them.
    pub(super) path: Option<String>,
    pub(super) why: String,
}

/// The files that both sides have changed, whole, and what is said of them.
#[derive(Default)]
pub(super) struct Contents {
    /// In the order of [`Merged::files`].
    pub(super) files: Vec<Vec<u8>>,
    /// What the model says of the conflicts, Markdown that has passed the gate.
    pub(super) summary: Option<String>,
    /// What a reviewer should know, sentences.
    pub(super) notes: Vec<String>,
    pub(super) bill: String,
}

/// What stands in the way of a merge by the agent; empty where nothing does.
pub(super) fn refusals(merged: &Merged, terms: &Terms<'_>) -> Vec<Obstacle> {
    let obstacle = |path: &str, why: String| Obstacle { path: Some(path.to_owned()), why };
    let mut found: Vec<Obstacle> =
        merged.refused.iter().map(|refused| obstacle(&refused.path, refused.why.to_string())).collect();
    let disputed: Vec<&MergedFile> = disputed(merged).collect();
    for file in &disputed {
        let path = file.path.as_str();
        if let Some(reason) = terms.protection.reason(&file.path) {
            found.push(obstacle(
                path,
                format!("both sides changed the same lines, and it is protected: {reason}"),
            ));
        } else if secret_names::is_secret(&file.path) {
            found.push(obstacle(
                path,
                "both sides changed the same lines, and by its name it holds secrets".to_owned(),
            ));
        } else if !is_utf8(file) {
            found
                .push(obstacle(path, "both sides changed the same lines, and they are not UTF-8".to_owned()));
        }
    }
    let lines: usize = disputed.iter().map(|file| lines(file)).sum();
    let is_too_large = disputed.len() > MAX_FILES || lines > MAX_LINES;
    let is_by_rule = !matches!(terms.engine, Engine::Model(_)) && !disputed.is_empty();
    if found.is_empty() && !is_too_large && !is_by_rule {
        return found;
    }
    for file in &disputed {
        if found.iter().all(|known| known.path.as_deref() != Some(file.path.as_str())) {
            let why = format!("both sides changed the same lines ({} of them)", self::lines(file));
            found.push(obstacle(file.path.as_str(), why));
        }
    }
    if is_too_large {
        let why = format!(
            "conflicts in {} files with {lines} lines: at most {MAX_FILES} files and {MAX_LINES} lines are settled by the model",
            disputed.len()
        );
        found.insert(0, Obstacle { path: None, why });
    } else if is_by_rule {
        found
            .insert(0, Obstacle { path: None, why: "the rule-based engine settles no conflicts".to_owned() });
    }
    found
}

fn disputed(merged: &Merged) -> impl Iterator<Item = &MergedFile> {
    merged.files.iter().filter(|file| file.has_conflicts())
}

fn lines(file: &MergedFile) -> usize {
    file.conflicts().map(crate::merge::Conflict::lines).sum()
}

fn is_utf8(file: &MergedFile) -> bool {
    let sides = |conflict: &crate::merge::Conflict| {
        [&conflict.base, &conflict.ours, &conflict.theirs]
            .iter()
            .all(|side| std::str::from_utf8(side).is_ok())
    };
    file.conflicts().all(sides)
}

/// The files as they become; the model is asked where there are conflicts.
pub(super) async fn contents(
    merging: &Merging<'_>,
    merged: &Merged,
    ledger: &mut Ledger,
) -> Result<Contents, Stop> {
    let Job { lease, desk, terms, .. } = merging.job;
    let disputed: Vec<&MergedFile> = disputed(merged).collect();
    if disputed.is_empty() {
        let files = merged.files.iter().map(clean).collect();
        return Ok(Contents { files, notes: checked(merged), ..Contents::default() });
    }
    asking::keep_transcript(merging.job);
    let asking = ask(merging, &disputed, ledger);
    let settled = tokio::select! {
        settled = asking => settled,
        lost = lease.lost() => Err(lost.into()),
    };
    desk.spent(Bill::if_asked(terms.engine, ledger.spent()));
    let settled = settled?;
    publishes_no_secret(desk, &disputed, &settled)?;
    let words = |text: &str, room| desk.gate.body_within(text, room).to_string();
    let notes = settled.notes.iter().map(|note| words(note, MAX_NOTE)).chain(checked(merged)).collect();
    let mut answers = settled.contents.into_iter();
    let whole = |file: &MergedFile| {
        if file.has_conflicts() { answers.next().unwrap_or_default() } else { clean(file) }
    };
    Ok(Contents {
        files: merged.files.iter().map(whole).collect(),
        summary: settled.summary.map(|summary| words(&summary, MAX_SUMMARY)),
        notes,
        bill: bill(terms, ledger),
    })
}

/// A file without a conflict.
fn clean(file: &MergedFile) -> Vec<u8> {
    file.settled(std::iter::empty())
}

/// What a reviewer should know of files that both sides have changed in different places.
fn checked(merged: &Merged) -> Vec<String> {
    let parsers = Parsers::of_this_program();
    let deadline = std::time::Instant::now() + CHECK_TIME;
    let quiet = merged.files.iter().filter(|file| !file.has_conflicts());
    let broken = quiet.filter(|file| {
        let sides = [file.ours.as_slice(), &file.theirs];
        crate::check::merged(&parsers, &file.path, sides, &clean(file), deadline).is_err()
    });
    let note = |file: &MergedFile| {
        let name = code_span(file.path.as_str());
        format!(
            "{name} was changed on both sides in different places, and together they seem to break its syntax."
        )
    };
    broken.map(note).collect()
}

/// What neither side has and the model put there is looked through as any change is.
fn publishes_no_secret(desk: &Desk<'_>, files: &[&MergedFile], settled: &Settled) -> Result<(), Failure> {
    for (file, content) in files.iter().zip(&settled.contents) {
        let before = [file.ours.as_slice(), &file.theirs].concat();
        let (before, after) = (String::from_utf8_lossy(&before), String::from_utf8_lossy(content));
        desk.gate.scan_added_lines(&file.path, &before, &after).map_err(|leak| {
            let next = "Take the secret out of the issue or the repository, and revoke it.";
            Failure::new(Reason::Secret, format!("The merge would publish a secret: {leak}."), next)
        })?;
    }
    Ok(())
}

async fn ask(merging: &Merging<'_>, disputed: &[&MergedFile], ledger: &mut Ledger) -> Result<Settled, Stop> {
    let Merging { job, claim, talk, base, workspace } = *merging;
    let Job { desk, terms, .. } = job;
    let material = conversation::material(desk, claim, &terms.repo).await?;
    let is_disputed = |path: &str| disputed.iter().any(|file| file.path.as_str() == path);
    let mut ours = desk.forge.changed_files(talk.pull.number).await?;
    ours.retain(|file| is_disputed(&file.path));
    let theirs: Vec<ChangedFile> = base
        .compared
        .diffs
        .iter()
        .filter(|file| is_disputed(&file.path))
        .map(|file| ChangedFile {
            path: file.path.clone(),
            how: "modified".to_owned(),
            patch: Some(file.diff.for_machine().to_owned()),
        })
        .collect();
    let (ours, theirs, subjects) = (conversation::diff(&ours), conversation::diff(&theirs), subjects(base));
    let dispute = Dispute { files: disputed, ours: &ours, theirs: &theirs, subjects: &subjects };
    asking::watched(job, claim, async |progress| {
        let cycle = asking::cycle(job, workspace, &material.issue, ledger, progress);
        cycle.settle(dispute).await.map_err(Stop::from)
    })
    .await
}

/// What the base's commits say that they do.
fn subjects(base: &Base) -> String {
    let commits = base.compared.commits.as_deref().unwrap_or_default();
    let newest = &commits[commits.len().saturating_sub(MAX_SUBJECTS)..];
    let subject = |message: &str| {
        let first = message.lines().next().unwrap_or_default().to_owned();
        Raw::new(first).clean_line(MAX_SUBJECT).as_str().to_owned()
    };
    newest.iter().map(|commit| subject(&commit.message)).collect::<Vec<_>>().join("\n")
}
