//! A **snapshot** is what a person can see of the state, as text that can be compared: no times, no ids that depend on them, and `GITHUB` for
//! the address of the stand-in.

use std::fmt::{self, Write as _};

use super::state::{
    Age, Comment, Issue, Lock, Place, Reaction, Repo, Resolution, Review, Stage, State, Thread,
};
use super::store::Depth;

pub(crate) fn render(state: &State) -> String {
    let mut text = String::new();
    for repo in &state.repos {
        render_repo(&mut text, repo).expect("writing to a string");
    }
    text.replace(&state.base, "GITHUB")
}

fn render_repo(text: &mut String, repo: &Repo) -> fmt::Result {
    writeln!(text, "repository {} (default branch {})", repo.full_name(), repo.default_branch)?;
    for (name, _) in repo.store.references("refs/heads/") {
        render_branch(text, repo, name.trim_start_matches("refs/heads/"))?;
    }
    for issue in repo.issues.values() {
        render_issue(text, issue)?;
    }
    Ok(())
}

/// The default branch with its files; any other with the commits and the files that it adds to it. Blobs have ids by content, which are stable.
fn render_branch(text: &mut String, repo: &Repo, name: &str) -> fmt::Result {
    let head = repo.branch(name).expect("the branch was listed");
    let default = repo.branch(&repo.default_branch).unwrap_or_else(|| head.clone());
    writeln!(text, "  branch {name}")?;
    let short = |oid: &str| oid.chars().take(7).collect::<String>();
    if name == repo.default_branch {
        for entry in repo.store.entries(head.as_str(), Depth::Whole).unwrap_or_default() {
            if entry.kind != "tree" {
                writeln!(text, "    {} {} {}", entry.mode, short(entry.oid.as_str()), entry.path)?;
            }
        }
        return Ok(());
    }
    for oid in repo.store.commits_between(&default, &head) {
        let commit = repo.store.commit(&oid).expect("the commit was listed");
        writeln!(
            text,
            "    commit by {}: {}",
            commit.author.name,
            commit.message.lines().next().unwrap_or_default()
        )?;
    }
    let fork = repo.store.merge_base(&default, &head).unwrap_or(default);
    for file in repo.store.differences(&fork, &head) {
        writeln!(text, "    {} {} {} {}", file.status, file.mode, short(&file.oid), file.path)?;
    }
    Ok(())
}

fn render_issue(text: &mut String, issue: &Issue) -> fmt::Result {
    let standing = match (&issue.place, &issue.pull, issue.closed_at) {
        (Place::Deleted, ..) => "deleted",
        (Place::Moved { .. }, ..) => "moved",
        (Place::Here, Some(pull), _) if pull.merged_at.is_some() => "merged",
        (Place::Here, _, Some(_)) => "closed",
        (Place::Here, _, None) => "open",
    };
    let lock = if issue.lock == Lock::Locked { " locked" } else { "" };
    match &issue.pull {
        Some(pull) => {
            let stage = if pull.stage == Stage::Draft { " draft" } else { "" };
            let Issue { number, author, title, .. } = issue;
            writeln!(text, "  pull #{number} {standing}{stage}{lock} by {author}: {title}")?;
            writeln!(text, "    {} -> {}", pull.head, pull.base)?;
            render_list(text, "reviewers", &pull.reviewers)?;
        }
        None => {
            writeln!(
                text,
                "  issue #{} {standing}{lock} by {}: {}",
                issue.number, issue.author, issue.title
            )?;
        }
    }
    let mut labels = issue.labels.clone();
    labels.sort();
    render_list(text, "labels", &labels)?;
    render_list(text, "assignees", &issue.assignees)?;
    render_reactions(text, &issue.reactions)?;
    if let Some(body) = &issue.body {
        render_text(text, body)?;
    }
    for Comment { author, body, reactions, created_at, updated_at, .. } in &issue.comments {
        let edited = if created_at == updated_at { "" } else { " (edited)" };
        writeln!(text, "    comment by {author}{edited}")?;
        render_reactions(text, reactions)?;
        render_text(text, body)?;
    }
    for Review { text: said, .. } in issue.pull.iter().flat_map(|pull| &pull.reviews) {
        if !said.reactions.is_empty() {
            writeln!(text, "    review by {}", said.author)?;
            render_reactions(text, &said.reactions)?;
        }
    }
    for thread in issue.pull.iter().flat_map(|pull| &pull.threads) {
        render_thread(text, issue, thread)?;
    }
    Ok(())
}

fn render_thread(text: &mut String, issue: &Issue, thread: &Thread) -> fmt::Result {
    let resolved = if thread.resolution == Resolution::Resolved { " resolved" } else { "" };
    let outdated = if thread.age == Age::Outdated { " outdated" } else { "" };
    writeln!(text, "    thread on {}{resolved}{outdated}", thread.path)?;
    let reviews = issue.pull.iter().flat_map(|pull| &pull.reviews);
    let said: Vec<_> = reviews.flat_map(|review| &review.comments).collect();
    for id in &thread.comments {
        for comment in said.iter().filter(|comment| comment.id == *id) {
            writeln!(text, "      by {}", comment.author)?;
            render_reactions(text, &comment.reactions)?;
            render_text(text, &comment.body)?;
        }
    }
    Ok(())
}

fn render_list(text: &mut String, name: &str, items: &[String]) -> fmt::Result {
    if items.is_empty() { Ok(()) } else { writeln!(text, "    {name}: {}", items.join(", ")) }
}

fn render_reactions(text: &mut String, reactions: &[Reaction]) -> fmt::Result {
    let shown: Vec<String> = reactions.iter().map(|it| format!("{} by {}", it.content, it.author)).collect();
    render_list(text, "reactions", &shown)
}

fn render_text(text: &mut String, body: &str) -> fmt::Result {
    body.lines().try_for_each(|line| writeln!(text, "      | {line}"))
}
