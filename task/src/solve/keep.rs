//! How what a model made is *kept*: a plan in a file, a change as a commit on a branch of its own.

use super::{Reported, SolveArgs, Target, facts, gate};
use crate::config::Config;
use crate::cycle::{Planned, Solution};
use crate::git::workspace::{CommitText, Identity, PublishError, TASK_TRAILER, Workspace};
use crate::issue::Issue;
use crate::outbound::scan;
use crate::outcome::{Failure, Reason};
use crate::patch;
use crate::plan::Binding;
use crate::progress::Step;
use crate::pull_request::{self, ChangeFact};
use crate::report::{Change, ChangedFile, Outcome, PlanResult};
use crate::terminal::{Colour, diff};

/// Keeps a plan where `--out` says.
pub(super) fn plan(
    args: &SolveArgs,
    config: &Config,
    issue: &Issue,
    workspace: &Workspace,
    planned: Planned,
) -> Result<Reported, Failure> {
    let Planned { plan, account } = planned;
    let base = workspace.base().commit.to_string();
    let read = account.read.iter().map(|(path, _)| path);
    let binding = Binding::new(&plan, &issue.digest(), &base, config.digest(), read);
    let document = crate::plan::to_document(&plan, &binding);
    let mut written_to = None;
    // Also with `--dry-run`: a file that the person names is nothing of the repository's history, and says all that would be done.
    if let Some(file) = &args.out {
        std::fs::write(file, &document).map_err(|error| {
            let what = format!("the plan cannot be written to {}: {error}", file.display());
            Failure::new(Reason::Storage, what, "Give a place that can be written to with `--out`.")
        })?;
        written_to = Some(file.display().to_string());
    }
    let mut facts = facts(issue, config, &account, &[], plan.summary(), plan.summary());
    facts.notes.clone_from(&account.withheld);
    let outcome = Outcome::Plan(PlanResult {
        plan: plan.text().to_owned(),
        planned_files: plan.files().to_vec(),
        document,
        approve_with: written_to.as_deref().map(|plan| approve_with(args, plan)),
        written_to,
        cost_at_most: config.cost_at_most(&config.engine, &config.ceiling),
        cost_at_most_usd: config.usd_at_most(&config.engine, &config.ceiling),
    });
    Ok(Reported { outcome, facts, times: account.times })
}

/// Commits a change, unless nothing is to be written.
pub(super) fn change(
    args: &SolveArgs,
    config: &Config,
    issue: &Issue,
    workspace: &Workspace,
    solution: Solution,
    progress: &mut (dyn FnMut(Step) + Send),
) -> Result<Reported, Failure> {
    let (notes, warnings) = (solution.notes(), solution.warnings());
    let Solution { patch, title, summary, unplanned, account, .. } = solution;
    let gate = gate(config, issue);
    scan::scan(&gate, &patch)?;
    let title = gate.title(title.as_deref().unwrap_or(issue.title.as_str()));
    let summary = gate.body(summary.as_deref().unwrap_or_default());
    let mut facts = facts(issue, config, &account, patch.changes(), title.as_str(), summary.as_str());
    facts.notes = notes.iter().map(|note| gate.body(note).to_string()).collect();
    facts.warnings = warnings.iter().map(|warning| gate.body(warning).to_string()).collect();
    facts.unplanned = unplanned;
    let body = gate.redact(&pull_request::body(&facts));
    let files = patch.changes().iter().map(changed_file).collect();

    let Target { branch, task } = Target::new(issue);
    let mut commit = None;
    let mut replaced = None;
    if !args.dry_run {
        progress(Step::Committing);
        let identity = Identity {
            name: config.commit_name.clone(),
            email: config.commit_email.clone(),
            seconds: jiff::Timestamp::now().as_second(),
        };
        let text = CommitText {
            subject: title.as_str(),
            body: summary.as_str(),
            trailers: &[(TASK_TRAILER, task.clone())],
        };
        let id = workspace.write_commit(&patch, &text, &identity).map_err(|error| not_published(&error))?;
        replaced = workspace.publish(&branch, id, &task, &identity).map_err(|error| not_published(&error))?;
        commit = Some(id);
    }
    let look_with = commit.map(|_| look_with(args, workspace, &branch));
    let outcome = Outcome::Change(Change {
        branch,
        look_with,
        commit: commit.map(|id| id.to_string()),
        replaced: replaced.map(|id| id.to_string()),
        files,
        pull_request_body: body,
    });
    Ok(Reported { outcome, facts, times: account.times })
}

/// The command that shows what the branch changes.
fn look_with(args: &SolveArgs, workspace: &Workspace, branch: &str) -> String {
    let base = workspace.base();
    let from = base.branch.clone().unwrap_or_else(|| base.commit.to_string());
    let repo = args.repo.display().to_string();
    let place = if repo == "." { String::new() } else { format!(" -C {}", quoted(&repo)) };
    format!("git{place} diff {}", quoted(&format!("{from}...{branch}")))
}

/// The command that was given, with the plan to approve in place of the request for one.
fn approve_with(args: &SolveArgs, plan: &str) -> String {
    let mut options = vec![("--repo", args.repo.display().to_string()), ("--issue", args.issue.clone())];
    options.extend(args.number.as_ref().map(|number| ("--number", number.to_string())));
    options.extend(args.base.clone().map(|base| ("--base", base)));
    options.extend(args.model.clone().map(|model| ("--model", model)));
    options.push(("--approve", plan.to_owned()));
    let options = options.iter().filter(|(name, value)| (*name, value.as_str()) != ("--repo", "."));
    // As it was called now, so that the command works where the program is not on the path.
    let program =
        std::env::args_os().next().map_or("ai-agent".into(), |name| name.to_string_lossy().into_owned());
    options.fold(format!("{} solve", quoted(&program)), |command, (name, value)| {
        format!("{command} {name} {}", quoted(value))
    })
}

/// A word as a POSIX shell takes it for one.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,+@%=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn changed_file(change: &patch::Change) -> ChangedFile {
    let path = change.path().as_str();
    let old = match change.kind() {
        patch::ChangeKind::Rename { from } | patch::ChangeKind::Copy { from } => from.as_str(),
        _ => path,
    };
    let sides = |colour| {
        diff(
            change.before().map(|content| (old, content)),
            change.after().map(|content| (path, content)),
            colour,
        )
    };
    ChangedFile {
        fact: ChangeFact::of(change),
        diff: sides(Colour::Never),
        coloured: sides(Colour::of_stdout()),
    }
}

pub(super) fn not_published(error: &PublishError) -> Failure {
    match error {
        PublishError::Write(_) => {
            let next = "Make room or give write permission, then try again; no branch was moved.";
            Failure::new(Reason::Storage, error.to_string(), next)
        }
        _ => Failure::of_message(Reason::Branch, &error.to_string(), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_a_quoted_word_for_one() {
        for (word, shown) in [
            ("src/a-b_c.md", "src/a-b_c.md"),
            ("ollama:qwen3-coder:30b", "ollama:qwen3-coder:30b"),
            ("", "''"),
            ("~/my plan.md", "'~/my plan.md'"),
            ("it's $HOME", r"'it'\''s $HOME'"),
        ] {
            assert_eq!(quoted(word), shown);
        }
    }
}
