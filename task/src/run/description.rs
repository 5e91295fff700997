//! The *description* of a pull request after a later commit of ours: at its top stands which of the files that it changes CI or
//! build tools execute, and whether its checks are held back, as it is by then.

use super::ask::MAX_WARNING;
use super::desk::Desk;
use crate::call::CallError;
use crate::check;
use crate::forge::model::{PullRequest, Stage};
use crate::path::RepoPath;
use crate::pull_request::top;

/// What a person does where it could not be done.
pub(super) const LEFT: &str = "say at the top of the description which files CI or build tools execute, and whether checks are held back";

/// Puts the top of the description right. `held` is why the checks of the commit are held back.
pub(super) async fn follow(
    desk: &Desk<'_>,
    pull: &PullRequest,
    commit: &str,
    held: Option<&str>,
) -> Result<(), CallError> {
    if pull.stage != Stage::Open {
        return Ok(());
    }
    let compared = desk.forge.compare(&pull.base, commit).await?;
    if compared.paths.is_none() {
        tracing::warn!(pull_request = %pull.number, "the change has more files than can be named");
    }
    let executed = compared.paths.as_deref().map(|paths| {
        let paths: Vec<RepoPath> = paths.iter().filter_map(|path| RepoPath::parse(path).ok()).collect();
        let sentences = check::executed(&paths);
        sentences.iter().map(|one| desk.gate.body_within(one, MAX_WARNING).to_string()).collect::<Vec<_>>()
    });
    let right = |body: &str| top::rewritten(body, held, executed.as_deref());
    if right(&pull.body).is_none() {
        return Ok(());
    }
    // A person can have edited it while the run worked.
    let now = desk.forge.pull_request(pull.number).await?;
    match right(&now.body) {
        Some(body) => desk.forge.edit_description(pull.number, &desk.gate.composed(&body)).await,
        None => Ok(()),
    }
}
