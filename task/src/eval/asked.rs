//! What a model makes of a case, beside what the person made of it.

use gix::ObjectId;

use super::facts::{Answer, ResultKind};
use super::fix::{Fix, Size, compare};
use crate::config::Config;
use crate::cycle::{End, Solution};
use crate::git::workspace::Workspace;
use crate::issue::Issue;
use crate::llm::{Ceiling, Ledger};
use crate::outcome::Failure;
use crate::patch::ChangeKind;
use crate::path::RepoPath;
use crate::progress::Step;

/// Asks within a ceiling. Whatever comes of it is an answer.
pub(super) async fn ask(
    config: &Config,
    workspace: &Workspace,
    issue: &Issue,
    fix: &Fix,
    ceiling: Ceiling,
    progress: &mut (dyn FnMut(Step) + Send),
) -> Answer {
    let mut ledger = Ledger::new(ceiling);
    let cycle = config.cycle(workspace, issue, &mut ledger, progress);
    let ended = Box::pin(cycle.solve(None)).await;
    let answer = match ended {
        Ok(End::Made(solution)) => change(&workspace.repo(), fix, &solution),
        Ok(End::Already(_)) => Answer::of(ResultKind::Already),
        Err(failure) => failed(&failure),
    };
    let spent = ledger.spent();
    Answer {
        calls: spent.calls,
        input_tokens: spent.input_tokens,
        output_tokens: spent.output_tokens,
        cost_usd: spent.money,
        ..answer
    }
}

fn failed(failure: &Failure) -> Answer {
    let reason =
        serde_json::to_value(failure.reason).ok().and_then(|reason| reason.as_str().map(str::to_owned));
    Answer { reason, what: Some(failure.what.clone()), ..Answer::of(ResultKind::Failed) }
}

/// A change beside the fix.
fn change(repo: &gix::Repository, fix: &Fix, solution: &Solution) -> Answer {
    let changes = solution.patch.changes();
    let mut files: Vec<RepoPath> = Vec::new();
    let mut size = Size::default();
    for change in changes {
        files.push(change.path().clone());
        if let ChangeKind::Rename { from } = change.kind() {
            files.push(from.clone());
        }
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        size = size.plus(compare(&text(change.before()), &text(change.after())).0);
    }
    files.sort();
    files.dedup();
    let missed: Vec<RepoPath> =
        fix.files.iter().map(|file| file.path.clone()).filter(|path| !files.contains(path)).collect();
    let blob = |bytes: &[u8]| gix::objs::compute_hash(repo.object_hash(), gix::objs::Kind::Blob, bytes).ok();
    let is_same = |path: &RepoPath| {
        let after: Option<ObjectId> =
            changes.iter().find(|change| change.path() == path).and_then(|change| blob(change.after()?));
        let fixed = fix.files.iter().find(|file| file.path == *path);
        fixed.is_some_and(|file| file.after == after)
    };
    let same = missed.is_empty() && files.iter().all(is_same);
    Answer { files, missed, size, same, ..Answer::of(ResultKind::Change) }
}
